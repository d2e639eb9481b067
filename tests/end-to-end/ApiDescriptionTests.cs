using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Description;
using Lentigo.Functions.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.EndToEnd.Tests;

/// <summary>The description of the API holds what the API does.</summary>
public sealed class ApiDescriptionTests(SharedApp shared)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private RunningApp App => shared.App;

    [Fact]
    public void Every_function_of_the_API_is_described_and_nothing_else_is()
    {
        string[] functions = [.. FunctionRoutes.All.Where(f => f.Trigger.Route!.StartsWith("api/", StringComparison.Ordinal)).Select(f => f.Name).Order(StringComparer.Ordinal)];
        Assert.Equal(functions, ApiOperations.All.Select(o => o.Function).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_kind_of_problem_is_described()
    {
        int factories = typeof(Problem).GetMethods().Count(m => m.IsStatic && m.ReturnType == typeof(Problem));
        int rejections = Enum.GetValues<Core.Imaging.ImageRejection>().Length - 1; // all come from one factory; an empty file is 'no-image'
        Assert.Equal(factories - 1 + rejections, ProblemKinds.All.Count);
        Assert.Equal(ProblemKinds.All.Count, ProblemKinds.All.Select(k => k.Example.Type).Distinct().Count());
    }

    [Fact]
    public async Task Every_member_and_every_parameter_is_explained()
    {
        JsonNode document = await DescriptionAsync();
        foreach ((string name, JsonNode? schema) in document["components"]!["schemas"]!.AsObject())
        {
            Assert.True(schema!["description"] is not null, $"{name} has no description.");
            foreach ((string member, JsonNode? property) in schema["properties"]?.AsObject() ?? [])
            {
                Assert.True(property!["description"] is not null, $"{name}.{member} has no description.");
            }
        }

        string text = document.ToJsonString();
        Assert.DoesNotContain("<see", text, StringComparison.Ordinal);
        Assert.Contains("x-functions-key", text, StringComparison.Ordinal);
        foreach (ApiOperation operation in ApiOperations.All)
        {
            HttpTriggerAttribute trigger = FunctionRoutes.All.Single(f => f.Name == operation.Function).Trigger;
            JsonNode described = document["paths"]!["/" + trigger.Route!.Replace("{*", "{", StringComparison.Ordinal)]![trigger.Methods![0]]!;
            Assert.Equal(trigger.AuthLevel == AuthorizationLevel.Function, described["responses"]!["401"] is not null);
        }
    }

    [Theory]
    [InlineData("GET", "api/health", 200, "readHealth")]
    [InlineData("GET", "api/model", 200, "readModel")]
    [InlineData("GET", "api/models", 200, "listModels")]
    [InlineData("GET", "api/results", 200, "listResults")]
    [InlineData("GET", "api/results/none.jpg", 404, "readResult")]
    [InlineData("GET", "api/results?status=wrong", 400, "listResults")]
    [InlineData("POST", "api/predict?explain=true&similar=3&prior=uniform", 200, "predict")]
    [InlineData("POST", "api/predict?sensitivity=2", 400, "predict")]
    public async Task Real_answers_are_as_described(string method, string path, int status, string operation)
    {
        using HttpRequestMessage request = new(new(method), path) { Content = method == "POST" ? new ByteArrayContent(LesionFiles.Jpeg()) : null };
        using HttpResponseMessage response = await App.Client.SendAsync(request, Cancellation);
        await ValidateAsync(response, status, operation);
    }

    [Fact]
    public async Task Answers_to_several_images_and_the_results_of_blobs_are_as_described()
    {
        using MultipartFormDataContent form = new() { { new ByteArrayContent(LesionFiles.Jpeg()), "image" }, { new ByteArrayContent("text"u8.ToArray()), "image" } };
        using HttpResponseMessage several = await App.Client.PostAsync(new Uri("api/predict", UriKind.Relative), form, Cancellation);
        await ValidateAsync(several, 200, "predict");

        await App.ResultAsync("described/good.jpg", (await App.DropAsync("described/good.jpg", LesionFiles.Jpeg(3))).ETag);
        await App.ResultAsync("described/bad.jpg", (await App.DropAsync("described/bad.jpg", LesionFiles.BadContent("animated.gif"))).ETag);
        foreach (string path in (string[])["api/results/described/good.jpg", "api/results/described/bad.jpg"])
        {
            using HttpResponseMessage result = await App.Client.GetAsync(new Uri(path, UriKind.Relative), Cancellation);
            await ValidateAsync(result, 200, "readResult");
        }

        using HttpResponseMessage list = await App.Client.GetAsync(new Uri("api/results?prefix=described/", UriKind.Relative), Cancellation);
        await ValidateAsync(list, 200, "listResults");
    }

    [Fact]
    public async Task The_examples_are_as_described()
    {
        JsonNode document = await DescriptionAsync();
        int examples = 0;
        foreach (JsonNode operation in document["paths"]!.AsObject().SelectMany(p => p.Value!.AsObject().Select(c => c.Value!)))
        {
            foreach ((string status, JsonNode? response) in operation["responses"]!.AsObject())
            {
                foreach ((string type, JsonNode? content) in response!["content"]?.AsObject() ?? [])
                {
                    if (content!["example"] is { } example)
                    {
                        Validate(document, content["schema"]!, example, $"the example of {operation["operationId"]} {status} {type}");
                        examples++;
                    }
                }
            }
        }

        Assert.True(examples >= 2, $"{examples} examples.");
    }

    [Theory]
    [InlineData("application/json", 200)]
    [InlineData("text/html, application/*;q=0.5", 200)]
    [InlineData("*/*", 200)]
    [InlineData("application/json; charset=utf-8", 200)]
    [InlineData("text/html", 406)]
    [InlineData("application/json;q=0, text/xml", 406)]
    public async Task A_type_that_nobody_serves_is_refused_before_anything_is_done(string accept, int status)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "api/predict") { Content = new ByteArrayContent(LesionFiles.Jpeg()) };
        request.Headers.Add("Accept", accept);
        using HttpResponseMessage response = await App.Client.SendAsync(request, Cancellation);
        await ValidateAsync(response, status, "predict");
    }

    private async Task ValidateAsync(HttpResponseMessage response, int status, string operationId)
    {
        string body = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True((int)response.StatusCode == status, $"{response.StatusCode}: {body}");
        JsonNode document = await DescriptionAsync();
        JsonNode operation = document["paths"]!.AsObject().SelectMany(p => p.Value!.AsObject()).Select(c => c.Value!).Single(o => (string?)o["operationId"] == operationId);
        JsonNode? schema = operation["responses"]![$"{status}"]?["content"]?[response.Content.Headers.ContentType!.MediaType!]?["schema"];
        Assert.True(schema is not null, $"{operationId} {status} {response.Content.Headers.ContentType} is not described.");
        Validate(document, schema, JsonNode.Parse(body)!, $"{operationId} {status}");
    }

    /// <summary>Members that no schema names are faults here: what is answered is described.</summary>
    private static void Validate(JsonNode document, JsonNode schema, JsonNode instance, string what)
    {
        JsonObject whole = document["components"]!.DeepClone().AsObject();
        foreach ((string _, JsonNode? component) in whole["schemas"]!.AsObject())
        {
            if (component!["properties"] is not null && component["additionalProperties"] is null)
            {
                component["additionalProperties"] = false;
            }
        }

        JsonObject root = new() { ["$defs"] = whole["schemas"]!.DeepClone(), ["allOf"] = new JsonArray(schema.DeepClone()) };
        string text = root.ToJsonString().Replace("#/components/schemas/", "#/$defs/", StringComparison.Ordinal);
        EvaluationResults results = JsonSchema.FromText(text).Evaluate(JsonSerializer.SerializeToElement(instance), new() { OutputFormat = OutputFormat.List });
        string faults = string.Join('\n', (results.Details ?? []).Where(d => d.Errors is { Count: > 0 }).Select(d => $"{d.InstanceLocation} {d.EvaluationPath}: {string.Join("; ", d.Errors!.Values)}"));
        Assert.True(results.IsValid, $"{what}:\n{faults}\n{instance.ToJsonString()}");
    }

    private async Task<JsonNode> DescriptionAsync() => JsonNode.Parse(await App.Client.GetStringAsync(new Uri("api/openapi.json", UriKind.Relative), Cancellation))!;
}
