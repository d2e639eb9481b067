using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Threading.RateLimiting;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;

namespace Lentigo.Functions.Http;

/// <summary>
/// Limits the request rate and the number of concurrent requests per caller: <see cref="ServingOptions.MaxRequestsPerMinute"/> and
/// <see cref="ServingOptions.MaxConcurrentRequests"/>. A caller is identified by its function key, or by the client's IP address if there is none. The limits
/// apply per instance, to functions that require a key; requests that exceed them get 429 with <c>Retry-After</c>.
/// </summary>
public sealed class RequestLimits : IFunctionsWorkerMiddleware, IDisposable
{
    private static readonly HashSet<string> Limited = [.. FunctionRoutes.All.Where(f => f.Trigger.AuthLevel != AuthorizationLevel.Anonymous).Select(f => f.Name)];
    private static readonly TimeSpan RetryConcurrentAfter = TimeSpan.FromSeconds(1);
    private readonly PartitionedRateLimiter<string>[] limiters;
    private readonly PartitionedRateLimiter<string>? chained;

    /// <summary>Creates the rate limiters for the options.</summary>
    public RequestLimits(ServingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        List<PartitionedRateLimiter<string>> made = [];
        if (options.MaxConcurrentRequests > 0)
        {
            made.Add(PartitionedRateLimiter.Create<string, string>(caller => RateLimitPartition.GetConcurrencyLimiter(caller, _ => new() { PermitLimit = options.MaxConcurrentRequests })));
        }

        if (options.MaxRequestsPerMinute > 0)
        {
            // A burst of up to one minute's requests, then an even rate.
            made.Add(PartitionedRateLimiter.Create<string, string>(caller => RateLimitPartition.GetTokenBucketLimiter(caller, _ => new()
            {
                TokenLimit = options.MaxRequestsPerMinute,
                TokensPerPeriod = 1,
                ReplenishmentPeriod = TimeSpan.FromMinutes(1) / options.MaxRequestsPerMinute,
            })));
        }

        limiters = [.. made];
        chained = limiters.Length == 0 ? null : PartitionedRateLimiter.CreateChained(limiters);
    }

    /// <inheritdoc/>
    public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(next);
        if (chained is null || !Limited.Contains(context.FunctionDefinition.Name) || context.GetHttpContext() is not { } http)
        {
            await next(context);
            return;
        }

        using RateLimitLease lease = Acquire(CallerOf(http.Request));
        if (!lease.IsAcquired)
        {
            TimeSpan after = lease.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan told) ? told : RetryConcurrentAfter;
            http.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(after.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
            throw new ProblemException(Problem.TooManyRequests());
        }

        await next(context);
    }

    /// <summary>Attempts to acquire a permit for one request of a caller.</summary>
    internal RateLimitLease Acquire(string caller) => chained!.AttemptAcquire(caller);

    /// <summary>The hash of the request's function key, or the client's IP address: the one that connected to the last proxy, which is the host.</summary>
    internal static string CallerOf(HttpRequest request)
    {
        string? key = request.Headers["x-functions-key"].FirstOrDefault() ?? request.Query["code"].FirstOrDefault();
        return string.IsNullOrEmpty(key)
            ? request.Headers["X-Forwarded-For"].ToString().Split(',', StringSplitOptions.TrimEntries) is [.., { Length: > 0 } last] ? last : $"{request.HttpContext.Connection.RemoteIpAddress}"
            : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        chained?.Dispose();
        Array.ForEach(limiters, l => l.Dispose());
    }
}
