using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Tells all that is known of the model that serves.</summary>
public sealed class Model(CurrentModel current)
{
    /// <summary><c>GET /api/model</c>: the manifest.</summary>
    [Function("model")]
    public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "api/model")] HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        using ModelLease lease = current.Acquire();
        return Answers.Json(lease.Model.Manifest, FunctionsJson.Default.ModelManifest);
    }
}
