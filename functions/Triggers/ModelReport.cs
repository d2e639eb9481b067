using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Returns the report of the serving model.</summary>
public sealed class ModelReport(PublishedModels models)
{
    /// <summary>A report contains its styles and figures inline; it runs no scripts and loads nothing.</summary>
    private const string ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox allow-popups";

    /// <summary><c>GET /api/model/report.html</c>: the report for humans.</summary>
    [Function("model-report")]
    public async Task<IResult> PageAsync([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "api/model/report.html")] HttpRequest request)
    {
        request.HttpContext.Response.Headers.ContentSecurityPolicy = ContentSecurityPolicy;
        return await AnswerAsync(request, "report.html", "text/html; charset=utf-8");
    }

    /// <summary><c>GET /api/model/report.json</c>: the same figures in machine-readable form.</summary>
    [Function("model-report-json")]
    public Task<IResult> JsonAsync([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "api/model/report.json")] HttpRequest request) =>
        AnswerAsync(request, "report.json", "application/json");

    private async Task<IResult> AnswerAsync(HttpRequest request, string file, string contentType) =>
        await models.ReadAsync(file, request.HttpContext.RequestAborted) is { } content
            ? Results.Bytes(content.ToArray(), contentType)
            : Answers.From(Problem.NotFound("report in the package of the serving model"));
}
