using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Lentigo.Core;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Fhir;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Description;

/// <summary>
/// The OpenAPI 3.1 description of the API (spec.openapis.org/oas/v3.1.1), generated from <see cref="ApiOperations"/>, the document types and the settings.
/// </summary>
public sealed class ApiDescription
{
    private const string ProblemType = "application/problem+json";

    private static readonly string[] ImageTypes = ["image/jpeg", "image/png", "image/webp", "image/tiff", "application/dicom", "application/octet-stream"];
    private readonly ServingOptions options;
    private readonly Lazy<byte[]> document;

    /// <summary>Defers the generation until the document is first requested.</summary>
    public ApiDescription(ServingOptions options)
    {
        this.options = options;
        document = new(() => Encoding.UTF8.GetBytes(Describe().ToJsonString(FunctionsJson.Default.Options)));
    }

    /// <summary>The document as UTF-8.</summary>
    public byte[] Document => document.Value;

    private JsonObject Describe()
    {
        ApiSchemas schemas = new();
        JsonObject paths = [];
        foreach (ApiOperation operation in ApiOperations.All)
        {
            HttpTriggerAttribute trigger = FunctionRoutes.All.First(f => f.Name == operation.Function).Trigger;
            string path = "/" + trigger.Route!.Replace("{*", "{", StringComparison.Ordinal);
            if (paths[path] is not JsonObject calls)
            {
                paths[path] = calls = [];
            }

            calls[trigger.Methods![0]] = Operation(operation, trigger, schemas);
        }

        schemas.Of(typeof(Problem)); // always included, even if no operation refers to it
        JsonObject components = schemas.Components;
        components[nameof(FeedbackRequest)]!["required"] = new JsonArray("diagnosis");
        components[nameof(Problem)]!["properties"]!["type"]!["examples"] = new JsonArray([.. ProblemKinds.All.Select(k => (JsonNode)k.Example.Type)]);
        return new()
        {
            ["openapi"] = "3.1.1",
            ["info"] = new JsonObject
            {
                ["title"] = "Lentigo",
                ["version"] = typeof(ApiDescription).Assembly.GetName().Version!.ToString(3),
                ["summary"] = "Classifies dermoscopy images of pigmented skin lesions.",
                ["description"] = Introduction(),
                ["license"] = new JsonObject { ["name"] = "MIT", ["identifier"] = "MIT" },
            },
            ["servers"] = new JsonArray(new JsonObject { ["url"] = "/", ["description"] = "The service that this description comes from." }),
            ["tags"] = new JsonArray([.. ApiOperations.Groups.Select(g => (JsonNode)new JsonObject { ["name"] = g.Name, ["description"] = g.Description })]),
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["schemas"] = components,
                ["securitySchemes"] = new JsonObject
                {
                    ["keyHeader"] = Key("header", "x-functions-key", "The function key, or the host key, in a header. Prefer it, because URLs are logged."),
                    ["keyQuery"] = Key("query", "code", "The same key in the query, for callers that cannot set headers."),
                },
            },
        };
    }

    private JsonObject Operation(ApiOperation operation, HttpTriggerAttribute trigger, ApiSchemas schemas)
    {
        bool needsKey = trigger.AuthLevel != AuthorizationLevel.Anonymous;
        JsonObject described = new()
        {
            ["operationId"] = operation.Id,
            ["tags"] = new JsonArray(operation.Group),
            ["summary"] = operation.Summary,
            ["description"] = operation.Description,
            ["security"] = needsKey
                ? new JsonArray(new JsonObject { ["keyHeader"] = new JsonArray() }, new JsonObject { ["keyQuery"] = new JsonArray() })
                : new JsonArray(new JsonObject()),
        };
        if (operation.Parameters.Count > 0)
        {
            described["parameters"] = new JsonArray([.. operation.Parameters.Select(p => (JsonNode)Parameter(p))]);
        }

        if (operation.Body != ApiBody.None)
        {
            described["requestBody"] = new JsonObject { ["required"] = true, ["content"] = Body(operation.Body, schemas) };
        }

        described["responses"] = Responses(operation, needsKey, schemas);
        return described;
    }

    private static JsonObject Parameter(ApiParameter parameter)
    {
        JsonObject described = new()
        {
            ["name"] = parameter.Name,
            ["in"] = parameter.IsInPath ? "path" : "query",
            ["description"] = parameter.Description,
            ["required"] = parameter.IsInPath,
            ["schema"] = parameter.Schema.DeepClone(),
        };
        if (parameter.Example is { } example)
        {
            described["example"] = example.DeepClone();
        }

        return described;
    }

    private JsonObject Body(ApiBody body, ApiSchemas schemas)
    {
        if (body == ApiBody.Feedback)
        {
            return new() { [ApiOperations.Json] = new JsonObject { ["schema"] = schemas.Of(typeof(FeedbackRequest)), ["example"] = new JsonObject { ["diagnosis"] = "mel" } } };
        }

        JsonObject content = [];
        foreach (string type in ImageTypes)
        {
            content[type] = new JsonObject { ["schema"] = Binary() };
        }

        JsonObject images = body == ApiBody.Image ? Binary() : new() { ["type"] = "array", ["items"] = Binary(), ["minItems"] = 1, ["maxItems"] = options.MaxImagesPerRequest };
        images["description"] = body == ApiBody.Image ? "The image." : string.Create(
            CultureInfo.InvariantCulture, $"The image, or up to {options.MaxImagesPerRequest} images as fields of the same name, {options.MaxRequestBytes / 1e6:0} MB in total.");
        content["multipart/form-data"] = new JsonObject
        {
            ["schema"] = new JsonObject { ["type"] = "object", ["properties"] = new JsonObject { ["image"] = images }, ["required"] = new JsonArray("image") },
            ["encoding"] = new JsonObject { ["image"] = new JsonObject { ["contentType"] = string.Join(", ", ImageTypes) } },
        };
        return content;
    }

    private static JsonObject Binary() => new() { ["type"] = "string", ["format"] = "binary" };

    private static JsonObject Responses(ApiOperation operation, bool needsKey, ApiSchemas schemas)
    {
        JsonObject responses = [];
        foreach (IGrouping<int, ApiAnswer> answers in operation.Answers.GroupBy(a => a.Status))
        {
            JsonObject content = [];
            foreach (ApiAnswer answer in answers)
            {
                content[answer.MediaType] = Content(operation, answer, schemas);
            }

            responses[$"{answers.Key}"] = new JsonObject { ["description"] = answers.First().Description, ["content"] = content };
        }

        if (needsKey)
        {
            responses["401"] = OfHost("The key is missing or wrong. On Azure the response has no body.");
        }

        responses["429"] = OfHost("More requests are in progress than the host's settings allow. On Azure the response has no body.", mayRetry: true);
        foreach (IGrouping<int, string> kinds in operation.Problems.Concat(needsKey ? ["too-many-requests", "not-acceptable", "internal"] : ["not-acceptable", "internal"]).GroupBy(p => ProblemKinds.Of(p).Example.Status).OrderBy(g => g.Key))
        {
            JsonObject examples = [];
            foreach (string kind in kinds)
            {
                (Problem example, string when) = ProblemKinds.Of(kind);
                examples[kind] = new JsonObject { ["summary"] = when, ["value"] = System.Text.Json.JsonSerializer.SerializeToNode(example, FunctionsJson.Default.Problem) };
            }

            responses[$"{kinds.Key}"] = new JsonObject
            {
                ["description"] = string.Join('\n', kinds.Select(k => $"- `{k}`: {ProblemKinds.Of(k).When}")),
                ["headers"] = kinds.Key is 429 or 503 || kinds.Contains("result-pending") ? RetryAfter() : null,
                ["content"] = new JsonObject { [ProblemType] = new JsonObject { ["schema"] = schemas.Of(typeof(Problem)), ["examples"] = examples } },
            };
        }

        foreach ((string _, JsonNode? response) in responses)
        {
            if (response!["headers"] is null)
            {
                response.AsObject().Remove("headers");
            }
        }

        return [.. responses.OrderBy(r => r.Key, StringComparer.Ordinal).Select(r => KeyValuePair.Create(r.Key, r.Value?.DeepClone()))];
    }

    private static JsonObject Content(ApiOperation operation, ApiAnswer answer, ApiSchemas schemas)
    {
        JsonObject content = new()
        {
            ["schema"] = answer.Documents switch
            {
                [] when answer.MediaType is ApiOperations.Json or FhirDocuments.MediaType => new JsonObject { ["type"] = "object" },
                [] when answer.MediaType.StartsWith("text/", StringComparison.Ordinal) => new JsonObject { ["type"] = "string" },
                [] => Binary(),
                [Type one] => schemas.Of(one),
                _ => new JsonObject { ["anyOf"] = new JsonArray([.. answer.Documents.Select(schemas.Of)]) },
            },
        };
        using Stream? example = typeof(ApiDescription).Assembly.GetManifestResourceStream($"{operation.Id}.json");
        if (answer.MediaType == ApiOperations.Json && example is not null)
        {
            content["example"] = JsonNode.Parse(example);
        }

        return content;
    }

    private static JsonObject OfHost(string description, bool mayRetry = false)
    {
        JsonObject response = new() { ["description"] = description };
        if (mayRetry)
        {
            response["headers"] = RetryAfter();
        }

        return response;
    }

    private static JsonObject RetryAfter() => new()
    {
        ["Retry-After"] = new JsonObject { ["description"] = "The number of seconds to wait before sending the same request again.", ["schema"] = new JsonObject { ["type"] = "integer", ["minimum"] = 1 } },
    };

    private static JsonObject Key(string where, string name, string description) => new() { ["type"] = "apiKey", ["in"] = where, ["name"] = name, ["description"] = description };

    private string Introduction()
    {
        StringBuilder text = new();
        text.AppendLine(CultureInfo.InvariantCulture, $"**{char.ToUpperInvariant(LesionClasses.Notice[0])}{LesionClasses.Notice[1..]}.** Lentigo ranks seven categories for physicians and researchers. It must not be used as a reason to leave a lesion unexamined.");
        text.AppendLine().AppendLine("| code | class | kind |").AppendLine("| --- | --- | --- |");
        foreach (LesionClass one in LesionClasses.All)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| `{one.Code}` | {one.Name} | {(one.Malignant ? "malignant or premalignant" : "benign")} |");
        }

        return text.AppendLine()
            .AppendLine(CultureInfo.InvariantCulture, $"**Images.** JPEG, PNG, WebP, TIFF and DICOM (one frame: JPEG or uncompressed), up to {options.MaxImageBytes / 1e6:0} MB and {options.MaxImagePixels / 1e6:0} megapixels, as the body of the request or as the field `image` of a form (`multipart/form-data`). The format is detected from the content, not from the Content-Type or the file's name; send raw bytes as `application/octet-stream` or as the image's own type. The model's input is a square of fewer than 300 pixels per side, so scaling the image down to 1024 pixels first loses nothing.")
            .AppendLine()
            .AppendLine("**Keys.** Calls that take images or read results need a function key in the header `x-functions-key`. On your own machine, no key is needed unless the settings require one.")
            .AppendLine()
            .AppendLine("**Problems.** A request that cannot be fulfilled returns a problem document (RFC 9457, `application/problem+json`): act on `type`, which is stable, and show `detail`, which says what to do. 408, 429 and 503 may succeed later: wait as `Retry-After` says, send the same request again, and double the wait each time. Every other 4xx will fail again in the same way.")
            .AppendLine()
            .AppendLine("**Browsers.** Pages of other origins may call the API if the host's CORS settings name them; the service itself sends no CORS headers. Allow the headers `content-type` and `x-functions-key`.")
            .AppendLine()
            .AppendLine("**Change.** Fields, parameters, problem types and warnings are only ever added, never renamed or removed. Ignore fields that you do not know, treat an unknown problem type according to its status and an unknown recommendation as `refer`.")
            .AppendLine()
            .Append("Responses are compressed for clients that send `Accept-Encoding`. Every GET operation also supports HEAD.").ToString();
    }
}
