using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Returns this instance's metrics as text, for Prometheus and for humans.</summary>
public sealed class Metrics(PrometheusText text, ServingOptions options)
{
    /// <summary><c>GET /api/metrics</c>: the metrics since the instance started; 404 unless the setting <c>Lentigo__Metrics</c> is on.</summary>
    [Function("metrics")]
    public IResult Run([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "api/metrics")] HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return options.Metrics ? Results.Text(text.Read(), PrometheusText.ContentType) : Answers.From(Problem.MetricsOff());
    }
}
