using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local;

/// <summary>
/// The common setup of the launcher's hosts: they share its log, have no configuration of their own and ignore signals, since the launcher stops them in a
/// fixed order.
/// </summary>
internal static class LauncherHosts
{
    /// <summary>Creates a builder for a web application that listens only on explicitly configured endpoints.</summary>
    public static WebApplicationBuilder CreateWebBuilder(ILoggerFactory logs)
    {
        WebApplicationBuilder web = WebApplication.CreateEmptyBuilder(new());
        web.WebHost.UseKestrelCore();
        web.Services.AddRouting();
        AddTo(web.Services, logs);
        return web;
    }

    /// <summary>Registers the common services.</summary>
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
