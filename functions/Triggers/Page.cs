using Lentigo.Functions.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>The web page: one document, whose views have addresses of their own.</summary>
public static class Page
{
    /// <summary>
    /// <c>GET /</c>. Written as a parameter that is always empty: the host takes an empty route for the function's name, the worker cannot parse '/'. The
    /// Functions host serves a home page of its own here unless <c>AzureWebJobsDisableHomepage</c> is true.
    /// </summary>
    [Function("page")]
    public static IResult Index([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "{root:maxlength(0)?}")] HttpRequest request) => PageFiles.Page(request, "classify");

    /// <summary><c>GET /results</c>: what the blob triggers answered.</summary>
    [Function("page-results")]
    public static IResult ResultsView([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "results")] HttpRequest request) => PageFiles.Page(request, "results");

    /// <summary><c>GET /model</c>: the card of the model that serves.</summary>
    [Function("page-model")]
    public static IResult ModelView([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "model")] HttpRequest request) => PageFiles.Page(request, "model");

    /// <summary><c>GET /api</c>: the description of the API, and a call to try.</summary>
    [Function("page-api")]
    public static IResult ApiView([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "api")] HttpRequest request) => PageFiles.Page(request, "api");

    /// <summary><c>GET /about</c>: use, limits, licences.</summary>
    [Function("page-about")]
    public static IResult AboutView([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "about")] HttpRequest request) => PageFiles.Page(request, "about");
}
