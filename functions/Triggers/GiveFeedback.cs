using System.Text.Json;
using Lentigo.Core;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Records the diagnosis that was confirmed after an answer.</summary>
public sealed class GiveFeedback(FeedbackStore feedback)
{
    /// <summary>A body is one short word in an object.</summary>
    private const int MaxBody = 4096;

    /// <summary><c>POST /api/results/{id}/feedback?name=</c> with the body <c>{ "diagnosis": "mel" }</c>.</summary>
    [Function("give-feedback")]
    public async Task<IResult> RunAsync([HttpTrigger(AuthorizationLevel.Function, "post", Route = "api/results/{id}/feedback")] HttpRequest request, string id)
    {
        ArgumentNullException.ThrowIfNull(request);
        CancellationToken gone = request.HttpContext.RequestAborted;
        string diagnosis = await DiagnosisAsync(request, gone);
        string? name = request.Query["name"] is [{ Length: > 0 } given] ? given : null;
        return Answers.Json(await feedback.AddAsync(id, name, diagnosis, gone), FunctionsJson.Default.FeedbackReceipt, StatusCodes.Status201Created);
    }

    private static async Task<string> DiagnosisAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        byte[] body = new byte[MaxBody + 1];
        int length = await request.Body.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellationToken);
        string? diagnosis = null;
        try
        {
            diagnosis = length > MaxBody ? null : JsonSerializer.Deserialize(body.AsSpan(0, length), FunctionsJson.Default.FeedbackRequest)?.Diagnosis;
        }
        catch (JsonException)
        {
            // said below
        }

        int label = diagnosis is null ? -1 : LesionClasses.IndexOf(diagnosis);
        return label >= 0 ? LesionClasses.Codes[label] : throw new ProblemException(Problem.NoDiagnosis());
    }
}
