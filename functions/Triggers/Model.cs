using System.Text.Json;
using System.Text.Json.Nodes;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Returns everything that is known about the serving model.</summary>
public sealed class Model(CurrentModel current, CandidateModel candidate)
{
    /// <summary>
    /// <c>GET /api/model</c>: the manifest, plus <c>refused</c>, the published version that cannot be used, and <c>candidate</c>, the version under trial, if
    /// there are any.
    /// </summary>
    [Function("model")]
    public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "api/model")] HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        using ModelLease lease = current.Acquire();
        JsonObject document = JsonSerializer.SerializeToNode(lease.Model.Manifest, FunctionsJson.Default.ModelManifest)!.AsObject();
        if (current.Refused is { } refused)
        {
            document["refused"] = JsonSerializer.SerializeToNode(refused, FunctionsJson.Default.RefusedVersion);
        }

        if (candidate.Status is { } tried)
        {
            document["candidate"] = JsonSerializer.SerializeToNode(tried, FunctionsJson.Default.CandidateStatus);
        }

        return Answers.Json(document, FunctionsJson.Default.JsonObject);
    }
}
