using System.Globalization;
using System.Text.Json;
using Azure.Storage.Blobs.Models;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;

namespace Lentigo.EndToEnd.Tests;

/// <summary>A version that is tried beside the one that serves.</summary>
public sealed class CandidateTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_candidate_answers_its_share_over_HTTP_and_of_dropped_images_and_shadows_the_others()
    {
        ModelReference serving = Shipped("lentigo-fast"), candidate = Shipped("lentigo-phone");
        await using RunningApp app = await RunningApp.StartAsync(new()
        {
            ["Lentigo__Models"] = candidate.Name, // which publishes it
            ["Lentigo__Candidate"] = $"{candidate.Name}/{candidate.Version}",
            ["Lentigo__CandidateShare"] = "0.5",
            ["Lentigo__CandidateShadow"] = "1",
            ["Lentigo__Metrics"] = "true",
        });
        await StateAsync(app, CandidateStatus.Ready);
        ServiceHealth health = await app.HealthAsync();
        Assert.Equal((ServiceHealth.Ready, serving, 0.5, 1), (health.Status, health.Model, health.Candidate!.Share, health.Candidate.Shadow));
        using (JsonDocument model = JsonDocument.Parse(await GetAsync(app, "api/model")))
        {
            JsonElement card = model.RootElement;
            Assert.Equal((serving.Version, candidate.Version), (card.GetProperty("version").GetString(), card.GetProperty("candidate").GetProperty("version").GetString()));
        }

        IReadOnlyList<ModelVersion> versions = JsonSerializer.Deserialize(await GetAsync(app, "api/models"), FunctionsJson.Default.IReadOnlyListModelVersion)!;
        Assert.Equal(candidate, versions.Where(v => v.Candidate == CandidateStatus.Ready).Select(v => new ModelReference(v.Name, v.Version)).Single());

        Dictionary<ModelReference, int> answered = new() { [serving] = 0, [candidate] = 0 };
        for (int seed = 1; answered.Values.Any(n => n < 2); seed++)
        {
            byte[] file = LesionFiles.Jpeg(seed);
            Prediction answer = await app.PredictAsync(file);
            answered[answer.Model]++;
            Assert.Equal(answer.Model, (await app.PredictAsync(file)).Model);
            BlobContentInfo dropped = await app.DropAsync($"{seed}.jpg", file);
            Assert.Equal(answer.Model, (await app.ResultAsync($"{seed}.jpg", dropped.ETag)).Model);
        }

        string models = $"candidate=\"{candidate.Name}/{candidate.Version}\",model=\"{serving.Name}/{serving.Version}\"";
        string compared = $"lentigo_shadow_images_total{{{models},outcome=\"compared\"}} ";
        await Eventually.TrueAsync(async () => await ComparedAsync() >= 3 * answered[serving], () => $"{compared}{3 * answered[serving]}"); // more where a blob came twice
        Assert.Contains("lentigo_shadow_agreement_total", await GetAsync(app, "api/metrics"), StringComparison.Ordinal);

        async Task<int> ComparedAsync() =>
            (await GetAsync(app, "api/metrics")).Split('\n').FirstOrDefault(l => l.StartsWith(compared, StringComparison.Ordinal)) is { } line
                ? int.Parse(line[compared.Length..], CultureInfo.InvariantCulture)
                : 0;
    }

    [Fact]
    public async Task A_version_that_is_not_published_degrades_health_until_it_is_and_is_promoted_and_rolled_back_by_the_pointer()
    {
        await using RunningApp app = await RunningApp.StartAsync(new() { ["Lentigo__Candidate"] = "next", ["Lentigo__CandidateShare"] = "1" });
        byte[] file = LesionFiles.Jpeg();
        await StateAsync(app, CandidateStatus.Refused);
        ServiceHealth health = await app.HealthAsync();
        Assert.Equal(ServiceHealth.Degraded, health.Status);
        Assert.Contains("no blob lentigo-fast/next/manifest.json", health.Candidate!.Reason, StringComparison.Ordinal);
        Assert.Equal(Shipped("lentigo-fast"), (await app.PredictAsync(file)).Model);

        await PackageCopy.PublishAsync(app, "next");
        await StateAsync(app, CandidateStatus.Serving);
        Assert.Equal(("next", ServiceHealth.Ready), ((await app.PredictAsync(file)).Model.Version, (await app.HealthAsync()).Status));

        await PackageCopy.PointAsync(app, Shipped("lentigo-fast").Version);
        await StateAsync(app, CandidateStatus.Ready);
        Assert.Equal(("next", Shipped("lentigo-fast")), ((await app.PredictAsync(file)).Model.Version, (await app.HealthAsync()).Model));
    }

    private static Task StateAsync(RunningApp app, string state) => Eventually.TrueAsync(
        async () => (await app.HealthAsync()).Candidate?.State == state,
        () => $"the candidate to be {state}. The end of the app's log:\n{app.LogEnd}");

    private static Task<string> GetAsync(RunningApp app, string path) => app.Client.GetStringAsync(new Uri(path, UriKind.Relative), Cancellation);

    private static ModelReference Shipped(string name)
    {
        ModelManifest manifest = ModelPackage.Open(Path.Combine(Repository.Root, "models", name)).Manifest;
        return new(manifest.Name, manifest.Version);
    }
}
