using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Azure.Storage.Blobs.Models;
using Firely.Fhir.Validation;
using Hl7.Fhir.Model;
using Hl7.Fhir.Serialization;
using Hl7.Fhir.Specification.Source;
using Hl7.Fhir.Specification.Terminology;
using Lentigo.Core;
using Task = System.Threading.Tasks.Task;

namespace Lentigo.EndToEnd.Tests;

/// <summary>Answers as FHIR R4, validated against the profiles of the specification.</summary>
public sealed class FhirTests(SharedApp shared)
{
    private static readonly JsonSerializerOptions Fhir = new JsonSerializerOptions().ForFhir(ModelInfo.ModelInspector);

    private static readonly Lazy<Validator> Profiles = new(() =>
    {
        CachedResolver specification = new(ZipSource.CreateValidationSource());
        return new(specification, new LocalTerminologyService(specification));
    });

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private RunningApp App => shared.App;

    [Fact]
    public async Task An_answer_is_a_preliminary_report_with_an_observation_for_each_class()
    {
        DiagnosticReport report = Assert.IsType<DiagnosticReport>(await AskAsync("application/fhir+json", 200, LesionFiles.Jpeg()));
        Assert.Equal(DiagnosticReport.DiagnosticReportStatus.Preliminary, report.Status);
        Assert.Contains("not a diagnosis", report.Conclusion, StringComparison.Ordinal);
        Observation[] observations = [.. report.Contained.OfType<Observation>()];
        Assert.Equal(LesionClasses.Codes.Order(), observations.Select(o => o.Id).Order());
        Assert.Equal(report.Result.Select(r => r.Reference), observations.Select(o => "#" + o.Id));
        Assert.Equal(1, (double)observations.Sum(o => Assert.IsType<Quantity>(o.Value).Value!.Value), 1e-4);
        Assert.All(observations, o => Assert.Contains(o.Code.Coding, c => c.System == "http://hl7.org/fhir/sid/icd-10"));
        Assert.Equal("C43.9", observations.Single(o => o.Id == "mel").Code.Coding.Single(c => c.System!.EndsWith("icd-10", StringComparison.Ordinal)).Code);
        Device device = Assert.Single(report.Contained.OfType<Device>());
        Assert.Equal("Lentigo lentigo", Assert.Single(device.DeviceName).Name);
        Assert.Contains(Assert.Single(report.ConclusionCode).Coding.Single().Code, (string[])["refer", "review", "routine"]);
    }

    [Fact]
    public async Task Several_images_are_a_bundle_of_reports_and_outcomes()
    {
        Bundle bundle = Assert.IsType<Bundle>(await AskAsync("application/fhir+json;q=0.9, application/json;q=0.5", 200, LesionFiles.Jpeg(), "text"u8.ToArray()));
        Assert.IsType<DiagnosticReport>(bundle.Entry[0].Resource);
        Assert.Equal("unsupported-image", Assert.IsType<OperationOutcome>(bundle.Entry[1].Resource).Issue.Single().Details!.Coding.Single().Code);
    }

    [Fact]
    public async Task A_problem_is_an_outcome_and_a_bundle_sent_in_is_refused()
    {
        OperationOutcome outcome = Assert.IsType<OperationOutcome>(await AskAsync("application/fhir+json", 415, "{ \"resourceType\": \"Bundle\" }"u8.ToArray()));
        Assert.Contains("JSON", outcome.Issue.Single().Diagnostics, StringComparison.Ordinal);
        Assert.Equal(OperationOutcome.IssueType.NotSupported, outcome.Issue.Single().Code);
    }

    [Fact]
    public async Task Dropped_images_get_a_report_beside_their_result_where_a_setting_asks_which_no_list_takes_for_a_result()
    {
        await using RunningApp app = await RunningApp.StartAsync(new() { ["Lentigo__FhirResults"] = "true" });
        await app.ResultAsync("a.jpg", (await app.DropAsync("a.jpg", LesionFiles.Jpeg())).ETag);
        await app.ResultAsync("b.jpg", (await app.DropAsync("b.jpg", LesionFiles.BadContent("animated.gif"))).ETag);
        Assert.IsType<DiagnosticReport>(await ReadAsync("a.jpg"));
        Assert.IsType<OperationOutcome>(await ReadAsync("b.jpg"));
        JsonNode list = JsonNode.Parse(await app.Client.GetStringAsync(new Uri("api/results", UriKind.Relative), Cancellation))!;
        Assert.Equal(["a.jpg", "b.jpg"], list["items"]!.AsArray().Select(i => (string)i!["name"]!).Order(StringComparer.Ordinal));

        async Task<Resource> ReadAsync(string name)
        {
            BlobDownloadResult blob = await app.Blobs.GetBlobContainerClient("results").GetBlobClient(name + ".fhir.json").DownloadContentAsync(Cancellation);
            Assert.Equal("application/fhir+json", blob.Details.ContentType);
            return Validated(blob.Content.ToString());
        }
    }

    private async Task<Resource> AskAsync(string accept, int status, params byte[][] images)
    {
        using MultipartFormDataContent form = [];
        foreach (byte[] image in images)
        {
            form.Add(new ByteArrayContent(image), "image");
        }

        using HttpRequestMessage request = new(HttpMethod.Post, "api/predict") { Content = images.Length == 1 ? new ByteArrayContent(images[0]) : form };
        request.Headers.Add("Accept", accept);
        using HttpResponseMessage response = await App.Client.SendAsync(request, Cancellation);
        string json = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.Equal(((HttpStatusCode)status, "application/fhir+json"), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        return Validated(json);
    }

    private static Resource Validated(string json)
    {
        Resource resource = JsonSerializer.Deserialize<Resource>(json, Fhir)!;
        OperationOutcome outcome = Profiles.Value.Validate(resource);
        string faults = string.Join('\n', outcome.Issue.Where(i => i.Severity is OperationOutcome.IssueSeverity.Error or OperationOutcome.IssueSeverity.Fatal).Select(i => $"{string.Join(",", i.Expression)}: {i.Details?.Text}"));
        Assert.True(faults.Length == 0, $"{faults}\n{json}");
        return resource;
    }
}
