using System.IO.Compression;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.Extensions.DependencyInjection;

namespace Lentigo.Functions.Http;

/// <summary>Compresses text responses with Brotli (RFC 7932) or gzip (RFC 1952) if the client accepts it. Images and models are already compressed.</summary>
internal static class CompressedAnswers
{
    private static readonly string[] Texts =
    [
        "text/html", "text/css", "text/javascript", "text/plain", "image/svg+xml", "application/json", "application/problem+json", "application/fhir+json",
        "application/manifest+json",
    ];

    /// <summary>Adds the compression in front of all functions.</summary>
    public static IServiceCollection AddCompressedAnswers(this IServiceCollection services)
    {
        services.AddResponseCompression(o =>
        {
            o.EnableForHttps = true; // safe from BREACH: no response contains both a secret and caller-controlled text
            o.MimeTypes = Texts;
        });
        services.Configure<BrotliCompressionProviderOptions>(o => o.Level = CompressionLevel.Optimal);
        services.Configure<GzipCompressionProviderOptions>(o => o.Level = CompressionLevel.Optimal);
        return services.AddSingleton<IStartupFilter, Filter>();
    }

    /// <summary>The worker builds its own pipeline; only a startup filter can insert middleware before it.</summary>
    private sealed class Filter : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.UseResponseCompression();
            next(app);
        };
    }
}
