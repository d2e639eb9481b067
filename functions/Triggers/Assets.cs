using Lentigo.Functions.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>The files that the web page needs, and those that a device keeps to do without a network.</summary>
public sealed class Assets(OfflineFiles files)
{
    /// <summary><c>GET /assets/{file}</c>.</summary>
    [Function("assets")]
    public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "assets/{file}")] HttpRequest request, string file) =>
        files.Answer(request, file);
}
