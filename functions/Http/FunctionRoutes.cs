using System.Reflection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Template;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Http;

/// <summary>The routes of the app's HTTP functions, and the response for all other URLs.</summary>
public sealed class FunctionRoutes
{
    /// <summary>The fallback function. The Functions host tries routes in the order of the functions' names, so this name must sort last.</summary>
    internal const string UnknownRoute = "unknown-route";

    private readonly (TemplateMatcher Path, RouteTemplate Template, string[] Methods)[] routes;
    private readonly IInlineConstraintResolver constraints;

    /// <summary>Reads the routes from the functions' attributes.</summary>
    public FunctionRoutes(IInlineConstraintResolver constraints)
    {
        this.constraints = constraints;
        routes = [.. All.Where(f => f.Name != UnknownRoute).Select(f => (Template: TemplateParser.Parse(f.Trigger.Route!), f.Trigger.Methods))
            .Select(f => (new TemplateMatcher(f.Template, []), f.Template, f.Methods!))];
    }

    /// <summary>The HTTP functions with their names.</summary>
    internal static IReadOnlyList<(string Name, HttpTriggerAttribute Trigger)> All { get; } =
    [
        .. from method in typeof(FunctionRoutes).Assembly.GetTypes().SelectMany(t => t.GetMethods())
           let function = method.GetCustomAttribute<FunctionAttribute>()
           where function is not null
           let trigger = method.GetParameters()[0].GetCustomAttribute<HttpTriggerAttribute>()
           where trigger is not null
           select (function.Name, trigger),
    ];

    /// <summary>Returns 405 if the URL supports other methods, otherwise 404.</summary>
    public IResult Answer(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        string[] methods = [.. routes.Where(r => Matches(r.Path, r.Template, request)).SelectMany(r => r.Methods).Select(m => m.ToUpperInvariant()).Distinct().Order(StringComparer.Ordinal)];
        if (methods.Length == 0)
        {
            return Answers.From(Contracts.Problem.UnknownRoute());
        }

        string allowed = string.Join(", ", methods);
        request.HttpContext.Response.Headers.Allow = allowed;
        return Answers.From(Contracts.Problem.MethodNotAllowed(allowed));
    }

    private bool Matches(TemplateMatcher path, RouteTemplate template, HttpRequest request)
    {
        RouteValueDictionary values = [];
        return path.TryMatch(request.Path, values) && template.Parameters.All(p =>
            p.InlineConstraints.All(c => !values.TryGetValue(p.Name!, out object? value) || value is null
                || constraints.ResolveConstraint(c.Constraint)?.Match(request.HttpContext, null, p.Name!, values, RouteDirection.IncomingRequest) != false));
    }
}
