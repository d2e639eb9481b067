using Lentigo.Functions.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Serves the files of the web page and those that a device stores to work offline.</summary>
public sealed class Assets(OfflineFiles files)
{
    /// <summary><c>GET /assets/{file}</c>.</summary>
    [Function("assets")]
    public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "assets/{file}")] HttpRequest request, string file) =>
        files.Answer(request, file);
}
