using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;

namespace Lentigo.Functions.Fhir;

/// <summary>
/// Converts predictions to HL7 FHIR R4 resources (hl7.org/fhir/R4): a preliminary <c>DiagnosticReport</c> that contains an <c>Observation</c> for each class
/// and the <c>Device</c> that produced it; problems become an <c>OperationOutcome</c>. No resource identifies a patient: the caller knows whose lesion it is.
/// </summary>
/// <remarks>
/// The JSON is written directly and validated in the tests against the specification's profiles: the SDK would add megabytes and a model of all resources, of
/// which only three are needed.
/// </remarks>
internal static class FhirDocuments
{
    /// <summary>The media type of FHIR JSON.</summary>
    public const string MediaType = "application/fhir+json";

    private const string AnswerSystem = "urn:lentigo:answer", ClassSystem = "urn:lentigo:class", RecommendationSystem = "urn:lentigo:recommendation", ProblemSystem = "urn:lentigo:problem";
    private const string Icd10 = "http://hl7.org/fhir/sid/icd-10", Loinc = "http://loinc.org", Units = "http://unitsofmeasure.org", DeviceId = "model";

    /// <summary>
    /// The ICD-10 codes of the classes (WHO, version 2019, icd.who.int/browse10/2019). A class that groups several diagnoses has one code for each diagnosis
    /// in its name.
    /// </summary>
    private static readonly Dictionary<string, (string Code, string Display)[]> Diagnoses = new()
    {
        ["akiec"] = [("L57.0", "Actinic keratosis"), ("D04.9", "Carcinoma in situ of skin, unspecified")],
        ["bcc"] = [("C44.9", "Other malignant neoplasms of skin, unspecified")],
        ["bkl"] = [("L82", "Seborrhoeic keratosis")],
        ["df"] = [("D23.9", "Other benign neoplasms of skin, unspecified")],
        ["mel"] = [("C43.9", "Malignant melanoma of skin, unspecified")],
        ["nv"] = [("D22.9", "Melanocytic naevi, unspecified")],
        ["vasc"] = [("D18.0", "Haemangioma, any site")],
    };

    /// <summary>Converts a prediction to a report.</summary>
    /// <param name="answer">The prediction.</param>
    /// <param name="issued">When the prediction was made.</param>
    public static JsonObject Report(Prediction answer, DateTimeOffset issued)
    {
        ArgumentNullException.ThrowIfNull(answer);
        string conclusion = Conclusion(answer);
        JsonObject report = new()
        {
            ["resourceType"] = "DiagnosticReport",
            ["text"] = new JsonObject { ["status"] = "generated", ["div"] = $"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>{WebUtility.HtmlEncode(conclusion)}</p></div>" },
            ["contained"] = new JsonArray([Device(answer.Model), .. answer.Probabilities.Select(p => (JsonNode)Observation(p))]),
            ["identifier"] = new JsonArray(new JsonObject { ["system"] = AnswerSystem, ["value"] = answer.Id }),
            ["status"] = "preliminary",
            ["category"] = new JsonArray(new JsonObject { ["coding"] = new JsonArray(Coding("http://terminology.hl7.org/CodeSystem/v2-0074", "OTH", "Other")) }),
            ["code"] = new JsonObject { ["coding"] = new JsonArray(Coding(Loinc, "18748-4", "Diagnostic imaging study")), ["text"] = "Classification of a dermoscopy image" },
            ["issued"] = issued.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
            ["result"] = new JsonArray([.. answer.Probabilities.Select(p => (JsonNode)new JsonObject { ["reference"] = $"#{p.Code}", ["display"] = p.Name })]),
            ["conclusion"] = conclusion,
        };
        if (answer.Triage is { } triage)
        {
            report["conclusionCode"] = new JsonArray(new JsonObject { ["coding"] = new JsonArray(Coding(RecommendationSystem, triage.Recommendation, null)), ["text"] = Advice(triage) });
        }

        return report;
    }

    /// <summary>
    /// Converts the predictions for a request with several images to a bundle in the same order: reports, and outcomes for images that could not be
    /// classified.
    /// </summary>
    public static JsonObject Collection(IEnumerable<PredictionOrProblem> answers, DateTimeOffset issued) => new()
    {
        ["resourceType"] = "Bundle",
        ["type"] = "collection",
        ["entry"] = new JsonArray([.. answers.Select(a => (JsonNode)new JsonObject
        {
            ["fullUrl"] = $"urn:uuid:{Guid.NewGuid()}",
            ["resource"] = a.Prediction is { } prediction ? Report(prediction, issued) : Outcome(a.Problem!),
        })]),
    };

    /// <summary>Converts a problem to an outcome.</summary>
    public static JsonObject Outcome(Problem problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        return new()
        {
            ["resourceType"] = "OperationOutcome",
            ["issue"] = new JsonArray(new JsonObject
            {
                ["severity"] = "error",
                ["code"] = IssueType(problem.Status),
                ["details"] = new JsonObject { ["coding"] = new JsonArray(Coding(ProblemSystem, problem.Type.Split(':')[^1], problem.Title)), ["text"] = problem.Title },
                ["diagnostics"] = problem.Detail,
            }),
        };
    }

    /// <summary>Maps an HTTP status to an issue type (hl7.org/fhir/R4/valueset-issue-type.html).</summary>
    private static string IssueType(int status) => status switch
    {
        400 => "invalid",
        401 => "login",
        404 => "not-found",
        405 or 406 or 415 => "not-supported",
        408 => "timeout",
        409 => "conflict",
        413 => "too-long",
        429 => "throttled",
        503 => "transient",
        >= 500 => "exception",
        _ => "processing",
    };

    private static JsonObject Device(ModelReference model) => new()
    {
        ["resourceType"] = "Device",
        ["id"] = DeviceId,
        ["deviceName"] = new JsonArray(new JsonObject { ["name"] = $"Lentigo {model.Name}", ["type"] = "model-name" }),
        ["version"] = new JsonArray(new JsonObject { ["value"] = model.Version }),
        ["note"] = new JsonArray(new JsonObject { ["text"] = LesionClasses.Notice }),
    };

    private static JsonObject Observation(ClassProbability one) => new()
    {
        ["resourceType"] = "Observation",
        ["id"] = one.Code,
        ["status"] = "preliminary",
        ["code"] = new JsonObject
        {
            ["coding"] = new JsonArray([Coding(ClassSystem, one.Code, one.Name), .. Diagnoses[one.Code].Select(d => (JsonNode)Coding(Icd10, d.Code, d.Display))]),
            ["text"] = $"Probability of {one.Name} ({(one.Malignant ? "malignant or premalignant" : "benign")})",
        },
        ["valueQuantity"] = new JsonObject { ["value"] = Math.Round((decimal)one.Probability, 6), ["unit"] = "probability", ["system"] = Units, ["code"] = "1" },
        ["device"] = new JsonObject { ["reference"] = $"#{DeviceId}" },
    };

    private static JsonObject Coding(string system, string code, string? display)
    {
        JsonObject coding = new() { ["system"] = system, ["code"] = code };
        if (display is not null)
        {
            coding["display"] = display;
        }

        return coding;
    }

    /// <summary>The notice and the recommendation first, then everything that casts doubt on the prediction, then the class probabilities.</summary>
    private static string Conclusion(Prediction answer)
    {
        IEnumerable<string> sentences =
        [
            $"{char.ToUpperInvariant(answer.Notice[0])}{answer.Notice[1..]}.",
            answer.Triage is { } triage ? Advice(triage) : "No recommendation can be given.",
            .. answer.Warnings.Select(w => w.Message),
            $"Probabilities: {string.Join(", ", answer.Probabilities.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Name} {p.Probability:0.000}")))}.",
        ];
        return string.Join(' ', sentences);
    }

    private static string Advice(Triage triage)
    {
        string advice = triage.Recommendation switch
        {
            Triage.Refer => "Refer: the lesion should be seen by a specialist.",
            Triage.Review => "Review: a clinician should look again, because malignancy cannot be excluded or the image is not reliable.",
            _ => "Routine: nothing in the image argues against usual care.",
        };
        return advice + string.Create(CultureInfo.InvariantCulture, $" Probability of malignancy {triage.MalignantProbability:0.000}, of melanoma {triage.MelanomaProbability:0.000}.");
    }
}
