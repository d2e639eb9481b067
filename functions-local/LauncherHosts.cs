using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local;

/// <summary>What the launcher's hosts have in common: its log, no configuration of their own, and no ears for signals, since they stop in an order.</summary>
internal static class LauncherHosts
{
    /// <summary>A builder of a web application that listens only where it is told.</summary>
    public static WebApplicationBuilder CreateWebBuilder(ILoggerFactory logs)
    {
        WebApplicationBuilder web = WebApplication.CreateEmptyBuilder(new());
        web.WebHost.UseKestrelCore();
        web.Services.AddRouting();
        AddTo(web.Services, logs);
        return web;
    }

    /// <summary>Registers what is common.</summary>
    public static void AddTo(IServiceCollection services, ILoggerFactory logs)
    {
        services.AddSingleton(logs);
        services.AddSingleton<IHostLifetime, NoSignals>();
    }

    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
