using System.Text.Json;
using Lentigo.Core;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Records a confirmed diagnosis for an earlier answer.</summary>
public sealed class GiveFeedback(FeedbackStore feedback)
{
    /// <summary>The maximum body size in bytes. A body contains a code and a name of at most 1,024 characters, each at most six bytes long in JSON.</summary>
    private const int MaxBody = 8192;

    /// <summary><c>POST /api/results/{id}/feedback</c> with the body <c>{ "diagnosis": "mel", "image": "a.jpg" }</c>; the image's name is optional.</summary>
    [Function("give-feedback")]
    public async Task<IResult> RunAsync([HttpTrigger(AuthorizationLevel.Function, "post", Route = "api/results/{id}/feedback")] HttpRequest request, string id)
    {
        ArgumentNullException.ThrowIfNull(request);
        CancellationToken gone = request.HttpContext.RequestAborted;
        (string diagnosis, string? image) = await ReadAsync(request, gone);
        return Answers.Json(await feedback.AddAsync(id, image, diagnosis, gone), FunctionsJson.Default.FeedbackReceipt, StatusCodes.Status201Created);
    }

    private static async Task<(string Diagnosis, string? Image)> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        byte[] body = new byte[MaxBody + 1];
        int length = await request.Body.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellationToken);
        FeedbackRequest? given = null;
        try
        {
            given = length > MaxBody ? null : JsonSerializer.Deserialize(body.AsSpan(0, length), FunctionsJson.Default.FeedbackRequest);
        }
        catch (JsonException)
        {
            // reported below
        }

        int label = given?.Diagnosis is { } diagnosis ? LesionClasses.IndexOf(diagnosis) : -1;
        return label >= 0
            ? (LesionClasses.Codes[label], given?.Image is { Length: > 0 } image ? image : null)
            : throw new ProblemException(Problem.NoDiagnosis());
    }
}
