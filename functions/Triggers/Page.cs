using Lentigo.Functions.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>The web page. The Functions host serves a home page of its own at <c>/</c> unless <c>AzureWebJobsDisableHomepage</c> is true.</summary>
public static class Page
{
    /// <summary><c>GET /</c>. Written as a parameter that is always empty: the host takes an empty route for the function's name, the worker cannot parse '/'.</summary>
    [Function("page")]
    public static IResult Index([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "{root:maxlength(0)?}")] HttpRequest request) =>
        PageFiles.Answer(request, "index.html");
}
