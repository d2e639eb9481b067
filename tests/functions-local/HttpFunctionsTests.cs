using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Hosting;

namespace Lentigo.Functions.Local.Tests;

public sealed class HttpFunctionsTests(AzuriteFixture azurite)
{
    private static readonly object NoPrefix = new { extensions = new { http = new { routePrefix = "" } } };

    [Fact]
    public async Task Routes_stand_below_the_route_prefix_of_host_json()
    {
        await using LocalApp standard = await StartAsync(new { version = "2.0" });
        Assert.Equal("Ada is 36", await standard.Client.GetStringAsync(new Uri("api/people/Ada/36", UriKind.Relative), Cancellation));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(standard, "people/Ada/36"));

        await using LocalApp bare = await StartAsync(NoPrefix);
        Assert.Equal("Ada is 36", await bare.Client.GetStringAsync(new Uri("people/Ada/36", UriKind.Relative), Cancellation));
        Assert.Equal("root", await bare.Client.GetStringAsync(new Uri("", UriKind.Relative), Cancellation));
    }

    [Fact]
    public async Task A_function_without_a_route_has_its_name_as_route()
    {
        await using LocalApp app = await StartAsync(NoPrefix);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(app, "plain"));
    }

    [Fact]
    public async Task Other_methods_than_the_triggers_are_not_let_in()
    {
        await using LocalApp app = await StartAsync(NoPrefix);
        using HttpResponseMessage response = await app.Client.PostAsync(new Uri("plain", UriKind.Relative), null, Cancellation);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
    }

    [Fact]
    public async Task What_is_no_result_is_an_empty_200()
    {
        await using LocalApp app = await StartAsync(NoPrefix);
        Assert.Equal("", await app.Client.GetStringAsync(new Uri("plain", UriKind.Relative), Cancellation));
    }

    [Fact]
    public async Task An_exception_is_a_500_without_details()
    {
        await using LocalApp app = await StartAsync(NoPrefix);
        using HttpResponseMessage response = await app.Client.GetAsync(new Uri("broken", UriKind.Relative), Cancellation);
        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.Equal("", await response.Content.ReadAsStringAsync(Cancellation));
    }

    [Fact]
    public async Task Keys_are_demanded_only_when_a_setting_asks()
    {
        await using (LocalApp open = await StartAsync(NoPrefix))
        {
            Assert.Equal(HttpStatusCode.OK, await StatusAsync(open, "secret"));
        }

        await using LocalApp closed = await StartAsync(NoPrefix, new()
        {
            ["LocalRuntime__RequireKeys"] = "true",
            ["LocalRuntime__FunctionKey"] = "fk",
            ["LocalRuntime__MasterKey"] = "mk",
        });
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(closed, "secret"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(closed, "secret?code=wrong"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(closed, "secret?code=fk"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(closed, "secret?code=mk"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(closed, "secret", key: "fk"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(closed, "admin", key: "fk"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(closed, "admin", key: "mk"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(closed, "plain"));
    }

    [Fact]
    public async Task A_disabled_function_is_not_there()
    {
        await using LocalApp app = await StartAsync(NoPrefix, new() { ["AzureWebJobs.plain.Disabled"] = "true" });
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(app, "plain"));
    }

    [Fact]
    public async Task Middleware_runs_in_the_order_of_registration_and_may_replace_the_result()
    {
        Calls calls = new();
        await using LocalApp app = await LocalApp.StartAsync(azurite.ConnectionString, [typeof(HttpTestFunctions)], NoPrefix, calls: calls, configure: b =>
        {
            b.UseMiddleware<Outer>();
            b.UseMiddleware<Inner>();
        });
        Assert.Equal("replaced", await app.Client.GetStringAsync(new Uri("plain", UriKind.Relative), Cancellation));
        Assert.Equal(["outer plain", "inner plain"], calls.Made);
    }

    [Fact]
    public async Task A_function_that_takes_longer_than_the_timeout_is_cancelled_and_answers_500()
    {
        await using LocalApp app = await StartAsync(new { functionTimeout = "00:00:00.2", extensions = new { http = new { routePrefix = "" } } });
        Assert.Equal(HttpStatusCode.InternalServerError, await StatusAsync(app, "slow"));
    }

    [Fact]
    public async Task More_requests_than_may_be_outstanding_are_told_to_come_later()
    {
        Calls calls = new();
        TaskCompletionSource release = new();
        calls.Behave = (_, _) => release.Task;
        await using LocalApp app = await LocalApp.StartAsync(
            azurite.ConnectionString, [typeof(HttpTestFunctions)], new { extensions = new { http = new { routePrefix = "", maxConcurrentRequests = 1, maxOutstandingRequests = 2 } } }, calls: calls);
        Task<HttpStatusCode> running = StatusAsync(app, "held");
        await calls.UntilAsync(1);
        Task<HttpStatusCode>[] more = [StatusAsync(app, "held"), StatusAsync(app, "held")];
        Assert.Equal(HttpStatusCode.TooManyRequests, await await Task.WhenAny(more));
        release.SetResult();
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.TooManyRequests], (await Task.WhenAll(more)).Order());
        Assert.Equal(HttpStatusCode.OK, await running);
    }

    [Theory]
    [InlineData(typeof(TwoTriggers), "has 2 triggers")]
    [InlineData(typeof(WrongParameter), "binds HttpRequest")]
    [InlineData(typeof(SameName), "Two functions are named")]
    [InlineData(typeof(UnboundParameter), "does not name")]
    [InlineData(typeof(UnboundBlobParameter), "does not name the parameter")]
    [InlineData(typeof(BadRoute), "is not one")]
    [InlineData(typeof(AsyncVoid), "async void")]
    public async Task A_function_that_cannot_run_is_named_at_the_start(Type functions, string reason)
    {
        InvalidOperationException fault = await Assert.ThrowsAsync<InvalidOperationException>(() => LocalApp.StartAsync(azurite.ConnectionString, [functions]));
        Assert.Contains(reason, fault.Message, StringComparison.Ordinal);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static async Task<HttpStatusCode> StatusAsync(LocalApp app, string path, string? key = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, path);
        if (key is not null)
        {
            request.Headers.Add("x-functions-key", key);
        }

        using HttpResponseMessage response = await app.Client.SendAsync(request, Cancellation);
        return response.StatusCode;
    }

    private Task<LocalApp> StartAsync(object hostJson, Dictionary<string, string>? settings = null) =>
        LocalApp.StartAsync(azurite.ConnectionString, [typeof(HttpTestFunctions)], hostJson, settings);

    private sealed class HttpTestFunctions(Calls calls)
    {
        [Function("people")]
        public static Task<IResult> PersonAsync([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "people/{name}/{age:int}")] HttpRequest request, string name, int age) =>
            Task.FromResult(Results.Text($"{name} is {age}"));

        [Function("root")]
        public static IResult Root([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "{empty:maxlength(0)?}")] HttpRequest request) => Results.Text("root");

        [Function("plain")]
        public static string Plain([HttpTrigger(AuthorizationLevel.Anonymous, "get")] HttpRequest request) => "not a result";

        [Function("broken")]
        public static IResult Broken([HttpTrigger("get")] HttpRequest request) => throw new InvalidOperationException("a secret");

        [Function("secret")]
        public static IResult Secret([HttpTrigger("get")] HttpRequest request) => Results.Ok();

        [Function("admin")]
        public static IResult Admin([HttpTrigger(AuthorizationLevel.Admin, "get")] HttpRequest request) => Results.Ok();

        [Function("slow")]
        public static Task SlowAsync([HttpTrigger("get")] HttpRequest request, FunctionContext context) => Task.Delay(Timeout.Infinite, context.CancellationToken);

        [Function("held")]
        public Task HeldAsync([HttpTrigger("get")] HttpRequest request, FunctionContext context) => calls.MakeAsync("held", context.CancellationToken);
    }

    private sealed class Outer(Calls calls) : IFunctionsWorkerMiddleware
    {
        public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
        {
            await calls.MakeAsync($"outer {context.FunctionDefinition.Name}", context.CancellationToken);
            await next(context);
            Assert.Equal("not a result", context.GetInvocationResult().Value);
            context.GetInvocationResult().Value = Results.Text("replaced");
        }
    }

    private sealed class Inner(Calls calls) : IFunctionsWorkerMiddleware
    {
        public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
        {
            Assert.NotNull(context.GetHttpContext());
            await calls.MakeAsync($"inner {context.FunctionDefinition.Name}", context.CancellationToken);
            await next(context);
        }
    }

    private static class TwoTriggers
    {
        [Function("two")]
        public static void Run([HttpTrigger("get")] HttpRequest request, [QueueTrigger("q")] string message)
        {
        }
    }

    private static class WrongParameter
    {
        [Function("wrong")]
        public static void Run([HttpTrigger("get")] string request)
        {
        }
    }

    private static class SameName
    {
        [Function("same")]
        public static void One([HttpTrigger("get")] HttpRequest request)
        {
        }

        [Function("Same")]
        public static void Two([HttpTrigger("get")] HttpRequest request)
        {
        }
    }

    private static class UnboundParameter
    {
        [Function("unbound")]
        public static void Run([HttpTrigger("get", Route = "x/{a}")] HttpRequest request, string b)
        {
        }
    }

    private static class UnboundBlobParameter
    {
        [Function("unbound-blob")]
        public static void Run([BlobTrigger("lesions/{name}")] Azure.Storage.Blobs.BlobClient blob, string other)
        {
        }
    }

    private static class BadRoute
    {
        [Function("bad-route")]
        public static void Run([HttpTrigger("get", Route = "a//b")] HttpRequest request)
        {
        }
    }

    private static class AsyncVoid
    {
        [Function("async-void")]
        public static async void Run([HttpTrigger("get")] HttpRequest request) => await Task.Yield();
    }
}
