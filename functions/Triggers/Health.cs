using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>
/// Reports whether the service can classify: 503 until a model is loaded; degraded while an older version than the published one serves or while the
/// candidate cannot be used.
/// </summary>
public sealed class Health(CurrentModel current, CandidateModel candidate)
{
    /// <summary><c>GET /api/health</c>.</summary>
    [Function("health")]
    public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "api/health")] HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        using ModelLease lease = current.Acquire();
        ModelReference model = new(lease.Model.Manifest.Name, lease.Model.Manifest.Version);
        RefusedVersion? refused = current.Refused;
        CandidateStatus? tried = candidate.Status;
        string status = refused is not null || tried is { IsRefused: true } ? ServiceHealth.Degraded : ServiceHealth.Ready;
        string device = lease.Model.Device.ToString().ToLowerInvariant();
        return Answers.Json(new ServiceHealth(status, model, device, lease.Model.Warning, refused, tried), FunctionsJson.Default.ServiceHealth);
    }
}
