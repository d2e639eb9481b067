using Lentigo.Functions.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>The files that the web page needs.</summary>
public static class Assets
{
    /// <summary><c>GET /assets/{file}</c>.</summary>
    [Function("assets")]
    public static IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "assets/{file}")] HttpRequest request, string file) =>
        PageFiles.Answer(request, $"assets/{file}");
}
