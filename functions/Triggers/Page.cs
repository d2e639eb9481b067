using Lentigo.Functions.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Serves the web page: a single document whose views have their own URLs.</summary>
public static class Page
{
    /// <summary>
    /// <c>GET /</c>. The route is a parameter that is always empty, because the host replaces an empty route with the function's name and the worker cannot
    /// parse '/'. The Functions host serves its own home page here unless <c>AzureWebJobsDisableHomepage</c> is true.
    /// </summary>
    [Function("page")]
    public static IResult Index([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "{root:maxlength(0)?}")] HttpRequest request) => PageFiles.Page(request, "classify");

    /// <summary><c>GET /results</c>: the results of the images that the blob triggers processed.</summary>
    [Function("page-results")]
    public static IResult ResultsView([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "results")] HttpRequest request) => PageFiles.Page(request, "results");

    /// <summary><c>GET /model</c>: the model card of the serving model.</summary>
    [Function("page-model")]
    public static IResult ModelView([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "model")] HttpRequest request) => PageFiles.Page(request, "model");

    /// <summary><c>GET /api</c>: the API description, with a form to try a request.</summary>
    [Function("page-api")]
    public static IResult ApiView([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "api")] HttpRequest request) => PageFiles.Page(request, "api");

    /// <summary><c>GET /about</c>: intended use, limitations, licenses.</summary>
    [Function("page-about")]
    public static IResult AboutView([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "about")] HttpRequest request) => PageFiles.Page(request, "about");
}
