using System.Threading.RateLimiting;
using Lentigo.Functions.Http;
using Microsoft.AspNetCore.Http;

namespace Lentigo.Functions.Tests;

public class RequestLimitsTests
{
    [Fact]
    public void A_caller_may_have_so_many_requests_in_flight_whatever_others_do()
    {
        using RequestLimits limits = new(new() { MaxConcurrentRequests = 2 });
        RateLimitLease first = limits.Acquire("a");
        using RateLimitLease second = limits.Acquire("a"), third = limits.Acquire("a"), others = limits.Acquire("b");
        Assert.Equal((true, true, false, true), (first.IsAcquired, second.IsAcquired, third.IsAcquired, others.IsAcquired));
        first.Dispose();
        using RateLimitLease fourth = limits.Acquire("a");
        Assert.True(fourth.IsAcquired);
    }

    [Fact]
    public void A_caller_may_make_a_minutes_requests_at_once_and_is_told_when_to_come_again()
    {
        using RequestLimits limits = new(new() { MaxRequestsPerMinute = 3 });
        for (int i = 0; i < 3; i++)
        {
            Assert.True(limits.Acquire("a").IsAcquired);
        }

        using RateLimitLease refused = limits.Acquire("a"), others = limits.Acquire("b");
        Assert.Equal((false, true), (refused.IsAcquired, others.IsAcquired));
        Assert.True(refused.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan after));
        Assert.InRange(after.TotalSeconds, 1, 60);
    }

    [Fact]
    public void The_requests_of_a_minute_come_back_evenly()
    {
        using RequestLimits limits = new(new() { MaxRequestsPerMinute = 90 });
        RateLimitLease last;
        while ((last = limits.Acquire("a")).IsAcquired)
        {
        }

        Assert.True(last.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan after));
        Assert.Equal(60.0 / 90, after.TotalSeconds, 0.01);
    }

    [Fact]
    public void A_caller_is_a_key_or_else_an_address()
    {
        string byHeader = Caller(r => r.Headers["x-functions-key"] = "secret"), byQuery = Caller(r => r.QueryString = new("?code=secret"));
        Assert.Equal(byHeader, byQuery);
        Assert.DoesNotContain("secret", byHeader, StringComparison.Ordinal);
        Assert.Equal("203.0.113.7", Caller(r => r.Headers["X-Forwarded-For"] = "10.0.0.1, 203.0.113.7")); // what a client claims itself stands first
        Assert.NotEqual(byHeader, Caller(r => r.Headers["x-functions-key"] = "another"));

        static string Caller(Action<HttpRequest> set)
        {
            DefaultHttpContext http = new();
            set(http.Request);
            return RequestLimits.CallerOf(http.Request);
        }
    }
}
