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
/// Limits how often one caller may call, and how many of a caller's requests may be in flight: <see cref="ServingOptions.MaxRequestsPerMinute"/> and <see cref="ServingOptions.MaxConcurrentRequests"/>.
/// A caller is a function key, or the client's address where there is none. The limits hold on each instance, for functions that need a key; beyond them the answer is 429 with <c>Retry-After</c>.
/// </summary>
public sealed class RequestLimits : IFunctionsWorkerMiddleware, IDisposable
{
    private static readonly HashSet<string> Limited = [.. FunctionRoutes.All.Where(f => f.Trigger.AuthLevel != AuthorizationLevel.Anonymous).Select(f => f.Name)];
    private static readonly TimeSpan RetryConcurrentAfter = TimeSpan.FromSeconds(1);
    private readonly PartitionedRateLimiter<string>[] limiters;
    private readonly PartitionedRateLimiter<string>? chained;

    /// <summary>Makes the limiters that the options ask for.</summary>
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
            // Up to a minute's requests at once, then evenly.
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

    /// <summary>Asks for one request of a caller.</summary>
    internal RateLimitLease Acquire(string caller) => chained!.AttemptAcquire(caller);

    /// <summary>The hash of the request's function key, or the address of its client: that which the last proxy, the host, was called by.</summary>
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
