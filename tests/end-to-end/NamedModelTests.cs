using System.Net;
using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;

namespace Lentigo.EndToEnd.Tests;

public sealed class NamedModelTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Models_that_the_settings_allow_answer_by_name_are_listed_and_followed_and_others_are_refused()
    {
        await using RunningApp app = await RunningApp.StartAsync(new() { ["Lentigo__Models"] = "lentigo-phone" });
        string serving = ModelPackage.Open(Repository.SmallModel).Manifest.Version, phone = ModelPackage.Open(Path.Combine(Repository.Root, "models", "lentigo-phone")).Manifest.Version;
        await PackageCopy.PublishAsync(app, "1", "forbidden");
        Assert.Equal([new("lentigo-fast", serving), new("lentigo-phone", phone)], await ServingAsync());
        Assert.Equal(new("lentigo-fast", serving), (await AskAsync("api/predict")).Model);
        Assert.Equal(new("lentigo-phone", phone), (await AskAsync("api/predict?model=lentigo-phone")).Model);
        Assert.Equal(new("lentigo-phone", phone), (await AskAsync("api/models/lentigo-phone/predict")).Model);
        Assert.Equal(new("lentigo-fast", serving), (await AskAsync("api/models/lentigo-fast/predict")).Model);
        foreach (string path in (string[])["api/predict?model=forbidden", "api/models/forbidden/predict", "api/predict?model=absent", "api/predict?model=..%2f..%2fetc"])
        {
            using HttpResponseMessage refused = await PostAsync(path);
            Problem problem = JsonSerializer.Deserialize(await refused.Content.ReadAsStringAsync(Cancellation), FunctionsJson.Default.Problem)!;
            Assert.Equal((HttpStatusCode.NotFound, "urn:lentigo:problem:unknown-model"), (refused.StatusCode, problem.Type));
            Assert.Contains("lentigo-fast, lentigo-phone", problem.Detail, StringComparison.Ordinal);
        }

        await PackageCopy.PublishAsync(app, "newer", "lentigo-phone");
        await Eventually.TrueAsync(async () => (await AskAsync("api/predict?model=lentigo-phone")).Model.Version == "newer", () => $"the newer version. The end of the app's log:\n{app.LogEnd}");
        Assert.Equal([new("lentigo-fast", serving), new("lentigo-phone", "newer")], await ServingAsync());

        async Task<Prediction> AskAsync(string path)
        {
            using HttpResponseMessage response = await PostAsync(path);
            string json = await response.Content.ReadAsStringAsync(Cancellation);
            Assert.True(response.IsSuccessStatusCode, json);
            return JsonSerializer.Deserialize(json, LentigoJson.Default.Prediction)!;
        }

        async Task<HttpResponseMessage> PostAsync(string path)
        {
            using ByteArrayContent body = new(LesionFiles.Jpeg());
            return await app.Client.PostAsync(new Uri(path, UriKind.Relative), body, Cancellation);
        }

        async Task<IEnumerable<ModelReference>> ServingAsync()
        {
            string json = await app.Client.GetStringAsync(new Uri("api/models", UriKind.Relative), Cancellation);
            IReadOnlyList<ModelVersion> versions = JsonSerializer.Deserialize(json, FunctionsJson.Default.IReadOnlyListModelVersion)!;
            Assert.All(versions, v => Assert.Equal(v.Name == "lentigo-fast", v.Default));
            return versions.Where(v => v.Serving).Select(v => new ModelReference(v.Name, v.Version));
        }
    }
}
