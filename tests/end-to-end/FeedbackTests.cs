using System.Text;
using System.Text.Json;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Lentigo.Core;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;

namespace Lentigo.EndToEnd.Tests;

/// <summary>Confirmed diagnoses, kept HTTP answers and heat maps beside results.</summary>
public sealed class FeedbackTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_diagnosis_is_kept_beside_its_answer_once_and_heat_maps_follow_their_images()
    {
        await using RunningApp app = await RunningApp.StartAsync(new() { ["Lentigo__KeepAnswers"] = "true", ["Lentigo__Heatmaps"] = "true" });
        BlobContainerClient results = app.Blobs.GetBlobContainerClient("results"), feedback = app.Blobs.GetBlobContainerClient("feedback");
        LesionResult result = await app.ResultAsync("Anna Smith/arm.jpg", (await app.DropAsync("Anna Smith/arm.jpg", LesionFiles.Jpeg(5))).ETag);
        LesionResult named = await app.ResultAsync("named.jpg", (await app.DropAsync("named.jpg", LesionFiles.Jpeg(6))).ETag);
        LesionResult rejected = await app.ResultAsync("bad.jpg", (await app.DropAsync("bad.jpg", LesionFiles.BadContent("text named.jpg"))).ETag);
        Prediction prediction = await app.PredictAsync(LesionFiles.Jpeg(7));

        // By its id alone, by its id and name, and an HTTP answer.
        await GivenAsync(app, result.Id, "mel", 201);
        await SentAsync(app, named.Id, """{ "diagnosis": "bcc", "image": "named.jpg" }""", 201);
        await GivenAsync(app, prediction.Id, "NV", 201);
        FeedbackRecord kept = await ReadAsync(result.Id);
        Assert.Equal(("mel", result.Id, result.Time), (kept.Diagnosis, kept.Id, kept.Answered));
        Api.AssertSame(result.Probabilities!, kept.Answer.Probabilities);
        Assert.Equal(result.Triage!.Recommendation, kept.Answer.Triage!.Recommendation);
        Assert.Equal("nv", (await ReadAsync(prediction.Id)).Diagnosis);
        string document = (await feedback.GetBlobClient(result.Id + ".json").DownloadContentAsync(Cancellation)).Value.Content.ToString();
        Assert.DoesNotContain("Smith", document, StringComparison.Ordinal);
        Assert.DoesNotContain("base64", document, StringComparison.Ordinal);

        // Twice, unknown, another image's name, not classified, no diagnosis.
        await GivenAsync(app, result.Id, "nv", 409, "feedback-exists");
        Assert.Equal("mel", (await ReadAsync(result.Id)).Diagnosis);
        await GivenAsync(app, Guid.NewGuid().ToString(), "nv", 404, "not-found");
        foreach (string image in (string[])["named.jpg", "../models/lentigo/current", new string('x', 2000)])
        {
            await SentAsync(app, rejected.Id, JsonSerializer.Serialize(new { diagnosis = "nv", image }), 404, "not-found");
        }

        await GivenAsync(app, "..%2Fmodels", "nv", 404, "not-found");
        await GivenAsync(app, rejected.Id, "nv", 422, "not-classified");
        foreach (string body in (string[])["", "{", "[]", "{}", """{ "diagnosis": null }""", """{ "diagnosis": "melanoma" }""", """{ "diagnosis": 4 }""", """{ "diagnosis": "mel", "image": 4 }""", $$"""{ "diagnosis": "mel", "note": "{{new string('x', 10_000)}}" }"""])
        {
            await SentAsync(app, rejected.Id, body, 400, "no-diagnosis");
        }

        // An id leads to its result by the index, whichever instance wrote it; one whose result is deleted or replaced leads nowhere.
        Assert.Equal("bad.jpg", (await app.Blobs.GetBlobContainerClient("result-names").GetBlobClient(rejected.Id).DownloadContentAsync(Cancellation)).Value.Content.ToString());
        await app.Blobs.GetBlobContainerClient("lesions").GetBlobClient("bad.jpg").DeleteAsync(cancellationToken: Cancellation); // else its result comes back
        await results.GetBlobClient("bad.jpg.json").DeleteAsync(cancellationToken: Cancellation);
        await GivenAsync(app, rejected.Id, "nv", 404, "not-found");
        LesionResult replaced = await app.ResultAsync("twice.jpg", (await app.DropAsync("twice.jpg", LesionFiles.Jpeg(8))).ETag);
        LesionResult newer = await app.ResultAsync("twice.jpg", (await app.DropAsync("twice.jpg", LesionFiles.Jpeg(9))).ETag);
        await GivenAsync(app, replaced.Id, "nv", 404, "not-found");
        await GivenAsync(app, newer.Id, "nv", 201);

        // The heat map is a picture of the image's proportions, of the version that the result is about; an image that is refused has none.
        BlobDownloadResult heatmap = await results.GetBlobClient("named.jpg.heatmap.png").DownloadContentAsync(Cancellation);
        using (NetVips.Image picture = NetVips.Image.NewFromBuffer(heatmap.Content.ToArray()))
        {
            Assert.Equal(600.0 / 450, (double)picture.Width / picture.Height, 0.02);
        }

        Assert.Equal((named.Source.ETag!.Trim('"'), named.Label!.Code), (heatmap.Details.Metadata["sourceetag"], heatmap.Details.Metadata["class"]));
        Assert.DoesNotContain("base64", (await results.GetBlobClient("named.jpg.json").DownloadContentAsync(Cancellation)).Value.Content.ToString(), StringComparison.Ordinal);
        await app.ResultAsync("named.jpg", (await app.DropAsync("named.jpg", LesionFiles.BadContent("truncated.jpg"))).ETag);
        Assert.False((await results.GetBlobClient("named.jpg.heatmap.png").ExistsAsync(Cancellation)).Value);
        using HttpResponseMessage list = await app.Client.GetAsync(new Uri("api/results", UriKind.Relative), Cancellation);
        ResultPage page = JsonSerializer.Deserialize(await list.Content.ReadAsStringAsync(Cancellation), FunctionsJson.Default.ResultPage)!;
        Assert.Equal(["Anna Smith/arm.jpg", "named.jpg", "twice.jpg"], page.Items.Select(i => i.Name).Order(StringComparer.Ordinal));

        async Task<FeedbackRecord> ReadAsync(string id) =>
            JsonSerializer.Deserialize((await feedback.GetBlobClient(id + ".json").DownloadContentAsync(Cancellation)).Value.Content.ToString(), LentigoJson.Default.FeedbackRecord)!;
    }

    private static Task GivenAsync(RunningApp app, string id, string diagnosis, int status, string? problem = null) => SentAsync(app, id, JsonSerializer.Serialize(new { diagnosis }), status, problem);

    private static async Task SentAsync(RunningApp app, string id, string body, int status, string? problem = null)
    {
        using StringContent content = new(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await app.Client.PostAsync(new Uri($"api/results/{id}/feedback", UriKind.Relative), content, Cancellation);
        string answer = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True((int)response.StatusCode == status, $"{id}: {response.StatusCode} {answer}");
        if (problem is not null)
        {
            Assert.Equal("urn:lentigo:problem:" + problem, JsonSerializer.Deserialize(answer, FunctionsJson.Default.Problem)!.Type);
        }
    }
}
