using System.Net;
using System.Threading.RateLimiting;
using Lentigo.Functions.Local.Settings;
using Lentigo.Functions.Local.Worker;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;

namespace Lentigo.Functions.Local.Http;

/// <summary>
/// Serves the app's HTTP functions. Each request is announced to the worker as an invocation and forwarded, with the invocation id in a header, to the worker's
/// HTTP endpoint, as the Functions host does for workers with the capability HttpUri.
/// </summary>
internal sealed class HttpFrontend(FunctionsWorker worker, LauncherOptions options, IHttpForwarder forwarder, ILogger<HttpFrontend> log)
{
    private const string RetryAfterSeconds = "1";
    private static readonly ForwarderRequestConfig NoTimeout = new() { ActivityTimeout = TimeSpan.FromDays(1) }; // calls are limited by functionTimeout instead
    private static readonly HttpMessageInvoker Client = new(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        UseCookies = false,
        ActivityHeadersPropagator = null,
    });

    /// <summary>Builds the web application that listens on the app's port.</summary>
    public static WebApplication Build(IReadOnlyList<AppFunction> functions, FunctionsWorker worker, LauncherOptions options, ILoggerFactory logs)
    {
        WebApplicationBuilder web = LauncherHosts.CreateWebBuilder(logs);
        web.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.ListenLocalhost(options.LocalHttpPort);
            kestrel.Limits.MaxRequestBodySize = null; // the app enforces its own limit, with a helpful error message
        });
        web.Services.AddHttpForwarder();
        AddThrottle(web.Services, options);
        AddCors(web.Services, options);
        WebApplication app = web.Build();
        app.Use(LeaveUnfinishedUploads);
        app.Use(MethodsOfNoFunctionAreNotFound);
        app.UseRouting();
        app.UseCors();
        app.UseRateLimiter();
        HttpFrontend frontend = ActivatorUtilities.CreateInstance<HttpFrontend>(app.Services, worker, options);
        foreach (AppFunction function in functions)
        {
            frontend.Map(app, function);
        }

        return app;
    }

    /// <summary>
    /// When the launcher stops, requests whose body has been read are still answered. Those that are still uploading are aborted, because they could delay
    /// the shutdown.
    /// </summary>
    private static async Task LeaveUnfinishedUploads(HttpContext context, RequestDelegate next)
    {
        bool hasBody = context.Features.Get<IHttpRequestBodyDetectionFeature>() is not { CanHaveBody: false };
        ArrivingBody body = new(context.Request.Body, hasBody ? context.Request.ContentLength : 0);
        context.Request.Body = body;
        using CancellationTokenRegistration leaving = context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(() =>
        {
            if (!body.HasArrived)
            {
                context.Abort();
            }
        });
        await next(context);
    }

    /// <summary>Like the Functions host, returns 404 instead of 405 if no function of the route supports the method.</summary>
    private static async Task MethodsOfNoFunctionAreNotFound(HttpContext context, RequestDelegate next)
    {
        await next(context);
        if (context.Response is { HasStarted: false, StatusCode: StatusCodes.Status405MethodNotAllowed } && context.GetEndpoint()?.Metadata.GetMetadata<AppFunction>() is null)
        {
            context.Response.Clear();
            context.Response.StatusCode = StatusCodes.Status404NotFound;
        }
    }

    private void Map(WebApplication app, AppFunction function)
    {
        RoutePattern route;
        try
        {
            route = RoutePatternFactory.Parse($"{options.RoutePrefix}/{function["route"] ?? function.Name}".TrimStart('/'));
        }
        catch (RoutePatternException e)
        {
            throw new LaunchException($"The route '{function["route"]}' of the function '{function.Name}' cannot be used: {e.Message}", e);
        }

        IEndpointConventionBuilder endpoint = app.Map(route, context => AnswerAsync(function, context)).WithMetadata(function);
        if (function.Methods is { Count: > 0 } methods)
        {
            endpoint.WithMetadata(new HttpMethodMetadata(methods.Select(m => m.ToUpperInvariant()), acceptCorsPreflight: true));
        }
    }

    private async Task AnswerAsync(AppFunction function, HttpContext context)
    {
        if (!FunctionKeys.Admits(options, context.Request, function["authLevel"] ?? "Function"))
        {
            await HostProblem.AnswerAsync(
                context, StatusCodes.Status401Unauthorized, "This call needs the function key. Send it in the header x-functions-key or in the query parameter code.");
            return;
        }

        if (worker.Current is not { HttpEndpoint: { } endpoint } connection)
        {
            await TellToRetryAsync(context);
            return;
        }

        InvocationRequest request = new()
        {
            InvocationId = Guid.NewGuid().ToString(),
            InputData = { new ParameterBinding { Name = function.TriggerParameter, Data = new() { Http = new() } } },
        };
        foreach ((string name, object? value) in context.Request.RouteValues)
        {
            request.TriggerMetadata[name] = new() { String = $"{value}" };
        }

        using CancellationTokenSource abandoned = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        Task invocation = worker.InvokeAsync(connection, function, request, abandoned.Token);
        ForwarderError error = await forwarder.SendAsync(context, endpoint, Client, NoTimeout, new InvocationTransformer(request.InvocationId));
        if (error != ForwarderError.None)
        {
            await abandoned.CancelAsync();
        }

        try
        {
            await invocation;
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            log.LogInformation("{Id}: the caller of {Function} disconnected before the response.", request.InvocationId, function.Name);
        }
        catch (Exception e) when (e is WorkerLostException or OperationCanceledException)
        {
            await TellToRetryAsync(context);
        }
        catch (Exception e) when (e is FunctionFailedException or TimeoutException)
        {
            log.LogError("{Id}: {Reason}{NewLine}{StackTrace}", request.InvocationId, e.Message, Environment.NewLine, (e as FunctionFailedException)?.WorkerStackTrace);
            await ReplaceAsync(context, StatusCodes.Status500InternalServerError, $"The function failed. See the log for details of the invocation {request.InvocationId}.");
        }
    }

    private static Task TellToRetryAsync(HttpContext context) =>
        ReplaceAsync(context, StatusCodes.Status503ServiceUnavailable, "The app is starting. Try again after the time given in the header Retry-After.", RetryAfterSeconds);

    /// <summary>Replaces the response with a problem document; aborts the connection if the response has already started.</summary>
    private static async Task ReplaceAsync(HttpContext context, int status, string detail, string? retryAfter = null)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }

        context.Response.Clear();
        context.Response.Headers.RetryAfter = retryAfter;
        await HostProblem.AnswerAsync(context, status, detail);
    }

    private static void AddThrottle(IServiceCollection services, LauncherOptions options) => services.AddRateLimiter(limiter =>
    {
        limiter.OnRejected = (rejected, _) =>
        {
            rejected.HttpContext.Response.Headers.RetryAfter = RetryAfterSeconds;
            return new(HostProblem.AnswerAsync(
                rejected.HttpContext, StatusCodes.Status429TooManyRequests, "There are more outstanding requests than host.json allows. Try again after the time given in the header Retry-After."));
        };
        int running = options.MaxConcurrentRequests > 0 ? options.MaxConcurrentRequests : int.MaxValue;
        int outstanding = options.MaxOutstandingRequests > 0 ? options.MaxOutstandingRequests : int.MaxValue;
        if (Math.Min(running, outstanding) < int.MaxValue)
        {
            limiter.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, int>(_ => RateLimitPartition.GetConcurrencyLimiter(0, _ => new()
            {
                PermitLimit = Math.Min(running, outstanding),
                QueueLimit = outstanding == int.MaxValue ? int.MaxValue : Math.Max(0, outstanding - running),
            }));
        }
    });

    private static void AddCors(IServiceCollection services, LauncherOptions options) => services.AddCors(cors => cors.AddDefaultPolicy(policy =>
    {
        string[] origins = options.Cors?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
        if (origins.Length > 0)
        {
            policy.WithOrigins(origins).AllowAnyHeader().AllowAnyMethod();
            if (options.CorsCredentials)
            {
                policy.AllowCredentials();
            }
        }
    }));

    /// <summary>Forwards a request unchanged, except that it adds the invocation id and keeps the original Host header.</summary>
    private sealed class InvocationTransformer(string invocationId) : HttpTransformer
    {
        public override async ValueTask TransformRequestAsync(HttpContext context, HttpRequestMessage request, string destinationPrefix, CancellationToken cancellationToken)
        {
            await base.TransformRequestAsync(context, request, destinationPrefix, cancellationToken);
            request.Headers.Host = context.Request.Host.Value;
            request.Headers.Remove("x-ms-invocation-id");
            request.Headers.Add("x-ms-invocation-id", invocationId);
        }
    }
}
