using Azure.Identity;
using Azure.Monitor.OpenTelemetry.Exporter;
using Microsoft.Azure.Functions.Worker.OpenTelemetry;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Configures the export of traces, metrics and logs: to Application Insights if <c>APPLICATIONINSIGHTS_CONNECTION_STRING</c> is set, to a collector if
/// <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> is set, and metrics to <c>GET /api/metrics</c> if <see cref="ServingOptions.Metrics"/> is set. If none is set, nothing
/// is collected.
/// </summary>
public static class Telemetry
{
    /// <summary>Adds the exporters that the settings enable.</summary>
    public static IServiceCollection AddTelemetry(this IServiceCollection services, IConfiguration configuration, ServingOptions options)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(options);
        string? insights = configuration["APPLICATIONINSIGHTS_CONNECTION_STRING"];
        bool isSentToAzure = !string.IsNullOrEmpty(insights), isSentToCollector = !string.IsNullOrEmpty(configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]);
        PrometheusText text = new();
        services.AddSingleton(text);
        if (options.Metrics)
        {
            services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(ServingMetrics.Name).AddReader(text.Reader));
        }

        if (isSentToAzure || isSentToCollector)
        {
            IOpenTelemetryBuilder builder = services.AddOpenTelemetry()
                .UseFunctionsWorkerDefaults()
                .WithMetrics(metrics => metrics.AddMeter(ServingMetrics.Name))
                .WithTracing(tracing => tracing.AddSource(ServingMetrics.Name));
            if (isSentToCollector)
            {
                builder.UseOtlpExporter();
            }

            if (isSentToAzure)
            {
                builder.UseAzureMonitorExporter(azure =>
                {
                    azure.ConnectionString = insights;
                    if (ClientIdOf(configuration["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"]) is { } clientId)
                    {
                        azure.Credential = new ManagedIdentityCredential(ManagedIdentityId.FromUserAssignedClientId(clientId));
                    }
                });
            }
        }

        return services;
    }

    /// <summary>Parses the client id from <c>ClientId=...;Authorization=AAD</c>, the format that the Functions host uses; null if there is none.</summary>
    internal static string? ClientIdOf(string? authentication) => authentication?
        .Split(';', StringSplitOptions.TrimEntries)
        .Select(part => part.Split('=', 2))
        .FirstOrDefault(part => part is ["ClientId", { Length: > 0 }])?[1];
}
