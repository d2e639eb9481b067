using System.Threading.RateLimiting;
using Lentigo.Functions.Local.Development;
using Lentigo.Functions.Local.Http;
using Lentigo.Functions.Local.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local.Hosting;

/// <summary>Says that HTTP functions may take <c>HttpRequest</c>: without <c>ConfigureFunctionsWebApplication</c> the Functions worker cannot bind it.</summary>
internal sealed class HttpFunctionsEnabled;

/// <summary>Puts the functions of an app on Kestrel and on storage.</summary>
internal static class LocalRuntime
{
    /// <summary>What every app of this runtime has, before its own services.</summary>
    public static void AddServices(WebApplicationBuilder web)
    {
        web.Logging.AddSimpleConsole(o =>
        {
            o.SingleLine = true;
            o.TimestampFormat = "HH:mm:ss ";
        });
        web.Services.AddSingleton(HostJson.Read(web.Configuration, web.Environment.ApplicationName));
        web.Services.AddSingleton(LocalRuntimeOptions.Read(web.Configuration));
        web.Services.AddSingleton<StorageClients>();
        web.Services.AddSingleton<FunctionInvoker>();
        web.Services.AddSingleton<FunctionKeys>();
        web.Services.AddSingleton<HttpFunctions>();
        web.Services.AddHostedService<AzuriteService>(); // first of all services: the others may need storage while they start
    }

    /// <summary>Builds the app.</summary>
    /// <exception cref="InvalidOperationException">A function or its trigger cannot be run.</exception>
    public static IHost Build(WebApplicationBuilder web, IReadOnlyList<FunctionMethod> all)
    {
        FunctionMethod[] functions = [.. all.Where(f => !IsDisabled(web.Configuration, f.Name))];
        if (functions.Any(f => f.Trigger is HttpTriggerAttribute) && !web.Services.Any(s => s.ServiceType == typeof(HttpFunctionsEnabled)))
        {
            throw new InvalidOperationException("The app has HTTP functions that take HttpRequest, so its builder needs ConfigureFunctionsWebApplication().");
        }

        web.Services.AddHostedService(services => ActivatorUtilities.CreateInstance<StorageTriggers>(services, (object)functions));
        HostJson host = HostJson.Read(web.Configuration, web.Environment.ApplicationName);
        LocalRuntimeOptions local = LocalRuntimeOptions.Read(web.Configuration);
        AddThrottle(web.Services, host);
        AddCors(web.Services, local);

        WebApplication app = web.Build();
        app.UseCors();
        app.UseRateLimiter();
        HttpFunctions http = app.Services.GetRequiredService<HttpFunctions>();
        foreach (FunctionMethod function in functions.Where(f => f.Trigger is HttpTriggerAttribute))
        {
            http.Map(app, function);
        }

        ILogger log = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Functions");
        app.Lifetime.ApplicationStarted.Register(() =>
        {
            log.LogInformation("Functions: {Functions}", string.Join(", ", functions.Select(f => f.Name)));
            string[] disabled = [.. all.Except(functions).Select(f => f.Name)];
            if (disabled.Length > 0)
            {
                log.LogInformation("Disabled by settings: {Functions}", string.Join(", ", disabled));
            }

            log.LogInformation("Ready: open {Addresses} in a browser. Ctrl+C stops.", string.Join(", ", app.Urls));
        });
        return app;
    }

    private static bool IsDisabled(IConfiguration configuration, string function) =>
        configuration[$"AzureWebJobs.{function}.Disabled"] is { } value && (value == "1" || (bool.TryParse(value, out bool disabled) && disabled));

    private static void AddThrottle(IServiceCollection services, HostJson host) => services.AddRateLimiter(limiter =>
    {
        limiter.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
        int running = host.MaxConcurrentRequests > 0 ? host.MaxConcurrentRequests : int.MaxValue;
        int outstanding = host.MaxOutstandingRequests > 0 ? host.MaxOutstandingRequests : int.MaxValue;
        if (Math.Min(running, outstanding) == int.MaxValue)
        {
            return;
        }

        limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, int>(_ => RateLimitPartition.GetConcurrencyLimiter(0, _ => new()
        {
            PermitLimit = Math.Min(running, outstanding),
            QueueLimit = outstanding == int.MaxValue ? int.MaxValue : Math.Max(0, outstanding - running),
        }));
    });

    private static void AddCors(IServiceCollection services, LocalRuntimeOptions local) => services.AddCors(cors => cors.AddDefaultPolicy(policy =>
    {
        string[] origins = local.Cors?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
        if (origins.Length == 0)
        {
            return;
        }

        policy.WithOrigins(origins).AllowAnyHeader().AllowAnyMethod();
        if (local.CorsCredentials)
        {
            policy.AllowCredentials();
        }
    }));
}
