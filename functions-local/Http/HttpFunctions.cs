using Lentigo.Functions.Local.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local.Http;

/// <summary>Answers requests with HTTP functions.</summary>
internal sealed class HttpFunctions(FunctionInvoker invoker, FunctionKeys keys, HostJson host, ILogger<HttpFunctions> log)
{
    /// <summary>Maps a function to its route, formed as the Functions worker forms it.</summary>
    /// <exception cref="InvalidOperationException">The route is not one, or does not give what a parameter asks for.</exception>
    public void Map(IEndpointRouteBuilder endpoints, FunctionMethod function)
    {
        HttpTriggerAttribute trigger = (HttpTriggerAttribute)function.Trigger;
        string template = $"{host.RoutePrefix}/{(string.IsNullOrEmpty(trigger.Route) ? function.Name : trigger.Route)}";
        RoutePattern pattern;
        try
        {
            pattern = RoutePatternFactory.Parse(template);
        }
        catch (RoutePatternException e)
        {
            throw new InvalidOperationException($"The function '{function.Name}' has the route '{template}', which is not one: {e.Message}", e);
        }

        if (function.NamedParameters.FirstOrDefault(p => pattern.GetParameter(p.Name!) is null) is { } unbound)
        {
            throw new InvalidOperationException($"The function '{function.Name}' has the parameter '{unbound.Name}', which its route '{template}' does not name.");
        }

        RequestDelegate answer = context => AnswerAsync(function, trigger, context);
        IEndpointConventionBuilder endpoint = trigger.Methods.Length == 0
            ? endpoints.Map(pattern, answer)
            : endpoints.MapMethods(template, trigger.Methods.Select(m => m.ToUpperInvariant()), answer);
        endpoint.WithDisplayName(function.Name);
    }

    private async Task AnswerAsync(FunctionMethod function, HttpTriggerAttribute trigger, HttpContext context)
    {
        if (!keys.Admits(context.Request, trigger.AuthLevel))
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }

        Dictionary<string, object?> data = context.Request.RouteValues.ToDictionary(r => r.Key, r => r.Value, StringComparer.OrdinalIgnoreCase);
        try
        {
            object? result = await invoker.InvokeAsync(function, context.Request, data, context, context.RequestAborted);
            if (result is IResult answer)
            {
                await answer.ExecuteAsync(context);
            }
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            log.LogInformation("The caller of {Function} left before the answer.", function.Name);
        }
        catch (Exception e)
        {
            log.LogError(e, "The function {Function} failed.", function.Name);
            if (!context.Response.HasStarted)
            {
                context.Response.Clear();
                context.Response.StatusCode = StatusCodes.Status500InternalServerError;
            }
        }
    }
}
