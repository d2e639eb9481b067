using System.Globalization;
using System.Text.Json.Nodes;
using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Fhir;
using Lentigo.Functions.Serving;

namespace Lentigo.Functions.Description;

/// <summary>The operations of the API, each an HTTP function under <c>api/</c>.</summary>
internal static class ApiOperations
{
    /// <summary>The media type of JSON.</summary>
    public const string Json = "application/json";

    private const string Classify = "Classify", Results = "Results", Models = "Models", Service = "Service";

    /// <summary>The groups of operations, in the order in which they are displayed, with their purpose.</summary>
    public static IReadOnlyList<(string Name, string Description)> Groups { get; } =
    [
        (Classify, "Images in, answers out."), (Results, "Images dropped into the container, and their results."), (Models, "What answers, and how good it is."), (Service, "The service itself."),
    ];

    private static readonly string[] ImageProblems =
    [
        "no-image", "malformed-request", "invalid-parameter", "too-slow", "image-too-large", "request-too-large", "too-many-images", "unsupported-image", "unreadable-image", "too-many-pixels",
        "no-model", "overloaded",
    ];

    private static readonly ApiParameter Name = new(
        "name", "The image's name in the container `lesions`. Slashes may be sent unencoded or as `%2F`.", Text(), IsInPath: true, Example: "visit/left-arm.jpg");

    /// <summary>The options of a classification.</summary>
    private static readonly ApiParameter[] Options =
    [
        new("prior", "The class prior that the answer assumes: `natural`, `uniform`, or seven numbers above 0 in the order akiec, bcc, bkl, df, mel, nv, vasc, separated by commas.", Text(), Example: "natural"),
        new("sensitivity", $"The sensitivity of the operating points of the triage. {Default(DecisionRequest.DefaultSensitivity)}", Share(), Example: DecisionRequest.DefaultSensitivity),
        new("coverage", $"The fraction of images whose prediction set should contain the true class. {Default(DecisionRequest.DefaultCoverage)}", Share(), Example: DecisionRequest.DefaultCoverage),
        new("explain", "Requests a heat map of the most probable class (`true`) or of one of the seven.", OneOf([PredictionOptions.MostProbable, "false", .. LesionClasses.Codes]), Example: "true"),
        new("similar", "The number of similar training images to return.", Whole(0, PredictionOptions.MostSimilar), Example: 3),
        new("suitability", "What happens to an image that is not a dermoscopy image: a problem, or an answer with a warning.", OneOf(ServingOptions.Refuse, ServingOptions.Warn), Example: ServingOptions.Refuse),
    ];

    private static readonly ApiAnswer[] Predictions =
    [
        new(200, Json, "The answer to one image, or an array of answers to several.", typeof(Prediction), typeof(IReadOnlyList<PredictionOrProblem>)),
        new(200, FhirDocuments.MediaType, "The answer as a FHIR R4 DiagnosticReport; the answers to several images as a Bundle."),
    ];

    /// <summary>The operations.</summary>
    public static IReadOnlyList<ApiOperation> All { get; } =
    [
        new("predict", "predict", Classify, "Classify an image, or several",
            "Returns a recommendation, the seven classes ranked by probability, and how reliable the answer is. Act on `triage.recommendation`, not on the first class. Several fields `image` of a form return an "
            + "array in their order, which contains a problem document for each image that cannot be classified; the status is still 200.")
        {
            Body = ApiBody.Images,
            Parameters = [.. Options, new("model", "The name of the model to use, one of those that `GET /api/models` lists; the default model if omitted.", Text(), Example: "lentigo")],
            Answers = Predictions,
            Problems = [.. ImageProblems, "not-dermoscopy", "unknown-model"],
        },
        new("predict-with", "predictWith", Classify, "Classify with a named model", "Like `POST /api/predict?model=`, with the model's name in the path.")
        {
            Body = ApiBody.Images,
            Parameters = [new("name", "The model's name.", Text(), IsInPath: true, Example: "lentigo"), .. Options],
            Answers = Predictions,
            Problems = [.. ImageProblems, "not-dermoscopy", "unknown-model"],
        },
        new("drop-lesion", "dropLesion", Results, "Drop an image to be classified later",
            "Stores the image in the container `lesions` under a name that nobody can guess and returns at once. Poll the URL in `Location`, waiting as `Retry-After` says, until it no longer returns a 404 of the type `result-pending`. "
            + "The image stays in the container until somebody deletes it.")
        {
            Body = ApiBody.Image,
            Answers = [new(202, Json, "The image is stored.", typeof(LesionReceipt))],
            Problems = ["no-image", "malformed-request", "too-slow", "image-too-large", "unsupported-image", "overloaded"],
        },
        new("preview", "preview", Classify, "See an image as the service reads it", "A small JPEG of the image, for programs that cannot display TIFF, or a PNG of exactly the pixels that the model receives.")
        {
            Body = ApiBody.Image,
            Parameters = [new("view", "`image` for the JPEG, `model` for the PNG.", OneOf("image", "model"), Example: "image")],
            Answers = [new(200, "image/jpeg", "The picture."), new(200, "image/png", "The picture.")],
            Problems = ImageProblems,
        },
        new("list-results", "listResults", Results, "List the results of dropped images",
            "Newest first, fifty at a time. If there are more, pass the response's `continuation` as the parameter `continuation` of the next call.")
        {
            Parameters =
            [
                new("prefix", "The prefix of the images' names.", Text()),
                new("status", "The results' status.", OneOf(LesionResult.Classified, LesionResult.Rejected, LesionResult.Failed)),
                new("label", "The most probable class.", OneOf([.. LesionClasses.Codes])),
                new("recommendation", "The triage's recommendation.", OneOf(Triage.Refer, Triage.Review, Triage.Routine)),
                new("from", "The earliest time at which a result was written.", Time()),
                new("to", "The latest time at which a result was written.", Time()),
                new("continuation", "The `continuation` of the previous page.", Text()),
            ],
            Answers = [new(200, Json, "A page of results.", typeof(ResultPage))],
            Problems = ["invalid-parameter"],
        },
        new("read-result", "readResult", Results, "Read the result of a dropped image", "The document `results/{name}.json`, which is written a moment after the image is dropped. Until then the response is a 404 of the type `result-pending` with the header Retry-After.")
        {
            Parameters = [Name],
            Answers = [new(200, Json, "The result.", typeof(LesionResult))],
            Problems = ["not-found", "result-pending"],
        },
        new("picture", "readPicture", Results, "See a dropped image", "The image `lesions/{name}` as a small JPEG without metadata.")
        {
            Parameters = [Name, new("side", "The longer side in pixels.", Whole(1, 1024), Example: 160)],
            Answers = [new(200, "image/jpeg", "The picture.")],
            Problems = ["invalid-parameter", "not-found", "image-too-large", "unsupported-image", "unreadable-image", "too-many-pixels"],
        },
        new("give-feedback", "giveFeedback", Results, "Record the confirmed diagnosis for an answer",
            "Stores the diagnosis with the answer's probabilities, without image or name, so that the model can be evaluated. Answers to HTTP calls are stored only if the setting `Lentigo__KeepAnswers` is true; results always are.")
        {
            Body = ApiBody.Feedback,
            Parameters = [new("id", "The answer's `id`.", Text(), IsInPath: true, Example: "8a5f0c1e-3b7d-4a51-9c55-0d8b1a2f7e10")],
            Answers = [new(201, Json, "The diagnosis is recorded.", typeof(FeedbackReceipt))],
            Problems = ["no-diagnosis", "not-found", "feedback-exists", "not-classified"],
        },
        new("model", "readModel", Models, "Read the model card of the serving model",
            "Everything that is known about it: members, data, recipe, figures, license. In addition to the manifest, `refused` is a published version that cannot be used, and "
            + "`candidate` is a version under trial, as in `GET /api/health`.")
        {
            Answers = [new(200, Json, "The manifest.", typeof(ModelManifest))],
            Problems = ["no-model"],
        },
        new("models", "listModels", Models, "List the models and their published versions",
            "The newest twenty versions of each available model, newest first. The default model comes first, and the candidate comes last if it is a "
            + "version of another model. A model is loaded when it is first requested, so its first answer takes longer.")
        {
            Answers = [new(200, Json, "The versions.", typeof(IReadOnlyList<ModelVersion>))],
        },
        new("model-report", "readModelReportPage", Models, "Read the report of the serving model", "Its figures on validation images, for humans.")
        {
            Answers = [new(200, "text/html", "The report.")],
            Problems = ["no-model", "not-found"],
        },
        new("model-report-json", "readModelReport", Models, "Read the report's figures", "The same figures in machine-readable form. The document's content depends on the version of the training program.")
        {
            Answers = [new(200, Json, "The report.")],
            Problems = ["no-model", "not-found"],
        },
        new("health", "readHealth", Service, "Ask whether the service can classify", "For load balancers and for clients before their first image.")
        {
            Answers = [new(200, Json, "The service can classify.", typeof(ServiceHealth))],
            Problems = ["no-model"],
        },
        new("status", "readStatus", Service, "Ask how many images wait", "Counts the images of the container `lesions` without a current result, and the results by their status; at most ten seconds old.")
        {
            Answers = [new(200, Json, "The counts.", typeof(ServiceStatus))],
        },
        new("metrics", "readMetrics", Service, "Read the service's metrics", "Counters, gauges and histograms of this instance since its start, as text for Prometheus. Turned off unless the setting `Lentigo__Metrics` is true.")
        {
            Answers = [new(200, "text/plain", "The metrics.")],
            Problems = ["metrics-off"],
        },
        new("open-api", "readDescription", Service, "Read this description", "An OpenAPI 3.1 document.")
        {
            Answers = [new(200, Json, "The description.")],
        },
    ];

    /// <summary>The operation that a function implements, or null.</summary>
    public static ApiOperation? Of(string function) => All.FirstOrDefault(o => o.Function == function);

    private static JsonObject Text() => new() { ["type"] = "string" };

    private static JsonObject Time() => new() { ["type"] = "string", ["format"] = "date-time" };

    private static JsonObject Share() => new() { ["type"] = "number", ["minimum"] = DecisionRequest.Least, ["maximum"] = DecisionRequest.Most };

    private static JsonObject Whole(int least, int most) => new() { ["type"] = "integer", ["minimum"] = least, ["maximum"] = most };

    private static JsonObject OneOf(params string[] values) => new() { ["type"] = "string", ["enum"] = new JsonArray([.. values.Select(v => (JsonNode)v)]) };

    private static string Default(double value) => string.Create(CultureInfo.InvariantCulture, $"{value} if omitted.");
}
