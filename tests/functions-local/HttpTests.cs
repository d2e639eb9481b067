using System.Net;
using System.Text.Json;

namespace Lentigo.Functions.Local.Tests;

/// <summary>One launcher for the tests that leave it as it is.</summary>
public sealed class SharedLauncher(AzuriteFixture azurite) : IAsyncLifetime
{
    internal LauncherProcess Launcher { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Launcher = await LauncherProcess.StartAsync(azurite, new() { Environment = { ["Launcher__Cors"] = "http://localhost:3000" } });

    public async ValueTask DisposeAsync() => await Launcher.DisposeAsync();
}

public sealed class HttpTests(AzuriteFixture azurite, SharedLauncher shared) : IClassFixture<SharedLauncher>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private HttpClient Client => shared.Launcher.Client;

    [Theory]
    [InlineData("api/people/Ada/36", 200, "Ada is 36")]
    [InlineData("api/people/Ada%20B%C3%A9/7", 200, "Ada Bé is 7")]
    [InlineData("api/people/Ada/old", 404, "")]
    [InlineData("people/Ada/36", 404, "")]
    [InlineData("api/", 200, "root")]
    [InlineData("api/plain", 200, "")] // what is no result is an empty 200
    [InlineData("api/secret", 200, "")] // no key is demanded unless a setting asks
    [InlineData("api/nothing", 404, "")]
    public async Task Routes_and_results_are_as_on_the_functions_host(string path, int status, string text)
    {
        using HttpResponseMessage response = await Client.GetAsync(new Uri(path, UriKind.Relative), Cancellation);
        Assert.Equal((status, text), ((int)response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation)));
    }

    [Fact]
    public async Task Http_2_without_tls_is_refused_and_harms_nobody()
    {
        using HttpRequestMessage request = new(HttpMethod.Get, "api/people/Ada/36") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        await Assert.ThrowsAsync<HttpRequestException>(() => Client.SendAsync(request, Cancellation));
        Assert.Equal("Ada is 36", await Client.GetStringAsync(new Uri("api/people/Ada/36", UriKind.Relative), Cancellation));
    }

    [Fact]
    public async Task A_function_that_fails_is_answered_with_a_problem_without_details()
    {
        using HttpResponseMessage response = await Client.GetAsync(new Uri("api/broken", UriKind.Relative), Cancellation);
        string text = await ProblemAsync(response, 500);
        Assert.DoesNotContain("a secret", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_method_that_no_function_has_is_not_found()
    {
        using HttpResponseMessage response = await Client.PostAsync(new Uri("api/plain", UriKind.Relative), null, Cancellation);
        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
    }

    [Fact]
    public async Task A_request_arrives_with_its_body_its_host_and_its_query_and_no_id_of_the_callers()
    {
        using ByteArrayContent body = new(new byte[20_000_000]);
        body.Headers.ContentType = new("image/jpeg");
        using HttpRequestMessage request = new(HttpMethod.Post, "api/echo?a=b&c=%20") { Content = body };
        request.Headers.Add("x-ms-invocation-id", "forged");
        using HttpResponseMessage response = await Client.SendAsync(request, Cancellation);
        Assert.Equal($"20000000 bytes to {Client.BaseAddress!.Authority}?a=b&c=%20 as image/jpeg", await response.Content.ReadAsStringAsync(Cancellation));
    }

    [Fact]
    public async Task Browsers_of_the_origins_in_the_settings_may_call()
    {
        using HttpRequestMessage request = new(HttpMethod.Get, "api/plain");
        request.Headers.Add("Origin", "http://localhost:3000");
        using HttpResponseMessage response = await Client.SendAsync(request, Cancellation);
        Assert.Equal(["http://localhost:3000"], response.Headers.GetValues("Access-Control-Allow-Origin"));
        using HttpRequestMessage other = new(HttpMethod.Get, "api/plain");
        other.Headers.Add("Origin", "http://elsewhere.example");
        using HttpResponseMessage refused = await Client.SendAsync(other, Cancellation);
        Assert.False(refused.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task A_caller_who_leaves_cancels_the_function()
    {
        await using LauncherProcess launcher = await LauncherProcess.StartAsync(azurite);
        using CancellationTokenSource leave = new();
        Task<string> call = launcher.Client.GetStringAsync(new Uri("api/held", UriKind.Relative), leave.Token);
        await launcher.UntilCalledAsync(calls => calls is ["held"]);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await launcher.UntilCalledAsync(calls => calls is ["held", "cancelled"]);
    }

    [Fact]
    public async Task Keys_are_demanded_where_a_setting_asks()
    {
        await using LauncherProcess launcher = await LauncherProcess.StartAsync(azurite, new()
        {
            Environment = { ["Launcher__RequireKeys"] = "true", ["Launcher__FunctionKey"] = "fk", ["Launcher__MasterKey"] = "mk" },
        });
        using (HttpResponseMessage refused = await launcher.Client.GetAsync(new Uri("api/secret", UriKind.Relative), Cancellation))
        {
            Assert.Contains("x-functions-key", await ProblemAsync(refused, 401), StringComparison.Ordinal);
        }

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(launcher, "api/secret?code=wrong"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(launcher, "api/secret?code=fk"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(launcher, "api/secret?code=mk"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(launcher, "api/secret", key: "fk"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(launcher, "api/admin", key: "fk"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(launcher, "api/admin", key: "mk"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(launcher, "api/plain"));
    }

    [Fact]
    public async Task Functions_are_disabled_by_every_spelling_and_host_json_is_honoured()
    {
        await using LauncherProcess launcher = await LauncherProcess.StartAsync(azurite, new()
        {
            HostJson = new { functionTimeout = "00:00:05", extensions = new { http = new { routePrefix = "" } } },
            Environment = { ["AzureWebJobs.plain.Disabled"] = "true", ["AzureWebJobs__secret__Disabled"] = "1", ["AzureWebJobs_admin_Disabled"] = "True" },
        });
        Assert.Equal("root", await launcher.Client.GetStringAsync(new Uri("", UriKind.Relative), Cancellation));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(launcher, "plain"));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(launcher, "secret"));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(launcher, "admin"));
        Assert.Equal(HttpStatusCode.InternalServerError, await StatusAsync(launcher, "held")); // longer than the time-out
        await launcher.UntilCalledAsync(calls => calls is ["held", "cancelled"]);
    }

    [Fact]
    public async Task More_requests_than_may_be_outstanding_are_told_to_come_later()
    {
        await using LauncherProcess launcher = await LauncherProcess.StartAsync(azurite, new()
        {
            HostJson = new { extensions = new { http = new { maxConcurrentRequests = 1, maxOutstandingRequests = 2 } } },
        });
        Task<HttpStatusCode> running = StatusAsync(launcher, "api/held");
        await launcher.UntilCalledAsync(calls => calls is ["held"]);
        Uri held = new("api/held", UriKind.Relative);
        Task<HttpResponseMessage>[] more = [launcher.Client.GetAsync(held, Cancellation), launcher.Client.GetAsync(held, Cancellation)];
        using (HttpResponseMessage refused = await await Task.WhenAny(more))
        {
            Assert.Contains("Retry-After", await ProblemAsync(refused, 429), StringComparison.Ordinal);
            Assert.NotNull(refused.Headers.RetryAfter);
        }

        launcher.Release();
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.TooManyRequests], (await Task.WhenAll(more)).Select(r => r.StatusCode).Order());
        Assert.Equal(HttpStatusCode.OK, await running);
    }

    /// <summary>The answer's text, which must be a problem document of this status.</summary>
    private static async Task<string> ProblemAsync(HttpResponseMessage response, int status)
    {
        string text = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.Equal((status, "application/problem+json"), ((int)response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        JsonElement problem = JsonElement.Parse(text);
        Assert.Equal(("about:blank", status), (problem.GetProperty("type").GetString(), problem.GetProperty("status").GetInt32()));
        Assert.EndsWith(".", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        return text;
    }

    internal static async Task<HttpStatusCode> StatusAsync(LauncherProcess launcher, string path, string? key = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        if (key is not null)
        {
            request.Headers.Add("x-functions-key", key);
        }

        using HttpResponseMessage response = await launcher.Client.SendAsync(request, Cancellation);
        return response.StatusCode;
    }
}
