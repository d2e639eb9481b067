using System.Net;
using System.Text.Json;
using Azure.Storage.Blobs;
using Lentigo.Functions.Contracts;

namespace Lentigo.EndToEnd.Tests;

public sealed class ResultsTests(SharedApp shared)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private RunningApp App => shared.App;

    [Fact]
    public async Task Results_come_newest_first_fifty_at_a_time_and_each_once()
    {
        BlobContainerClient results = App.Blobs.GetBlobContainerClient("results");
        await results.CreateIfNotExistsAsync(cancellationToken: Cancellation);
        string[] names = [.. Enumerable.Range(0, 120).Select(i => $"listed/{i * 7919 % 120:000}.jpg")];
        // As another program, or a version of the app without metadata, might have written them.
        await Parallel.ForEachAsync(names, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancellation }, async (name, stop) =>
            await results.GetBlobClient(name + ".json").UploadAsync(BinaryData.FromString("""{ "status": "rejected", "id": "x" }"""), overwrite: true, stop));
        List<ResultSummary> all = [];
        List<int> sizes = [];
        for (string? continuation = ""; continuation is not null;)
        {
            ResultPage page = await ListAsync($"prefix=listed/&status=rejected&continuation={continuation}");
            all.AddRange(page.Items);
            sizes.Add(page.Items.Count);
            continuation = page.Continuation;
        }

        Assert.Equal([50, 50, 20], sizes);
        Assert.Equal(names.Order(StringComparer.Ordinal), all.Select(r => r.Name).Order(StringComparer.Ordinal));
        Assert.Equal(all.OrderByDescending(r => r.Time).ThenBy(r => r.Name, StringComparer.Ordinal), all);
        Assert.Empty((await ListAsync("prefix=listed/&status=failed")).Items);
    }

    [Fact]
    public async Task Results_are_found_by_status_label_and_time_and_read_by_name()
    {
        (string name, string bad) = ("found/ünïcode & more #7/a.jpg", "found/bad.jpg");
        DateTimeOffset before = DateTimeOffset.UtcNow.AddSeconds(-2);
        LesionResult good = await App.ResultAsync(name, (await App.DropAsync(name, LesionFiles.Jpeg(4))).ETag);
        await App.ResultAsync(bad, (await App.DropAsync(bad, LesionFiles.BadContent("text named.jpg"))).ETag);
        Assert.Equal([bad], (await ListAsync("prefix=found/&status=rejected")).Items.Select(r => r.Name));
        Assert.Equal([name], (await ListAsync($"prefix=found/&label={good.Label!.Code}")).Items.Select(r => r.Name));
        Assert.Equal(2, (await ListAsync($"prefix=found/&from={Uri.EscapeDataString(before.ToString("O"))}")).Items.Count);
        Assert.Empty((await ListAsync($"prefix=found/&to={Uri.EscapeDataString(before.ToString("O"))}")).Items);

        foreach (string path in (string[])[string.Join('/', name.Split('/').Select(Uri.EscapeDataString)), Uri.EscapeDataString(name)])
        {
            LesionResult read = JsonSerializer.Deserialize(await App.Client.GetStringAsync(new Uri($"api/results/{path}", UriKind.Relative), Cancellation), FunctionsJson.Default.LesionResult)!;
            Assert.Equal((good.Id, name), (read.Id, read.Source.Name));
            using HttpResponseMessage picture = await App.Client.GetAsync(new Uri($"api/pictures/{path}?side=64", UriKind.Relative), Cancellation);
            Assert.Equal("image/jpeg", picture.Content.Headers.ContentType?.MediaType);
            using NetVips.Image image = NetVips.Image.NewFromBuffer(await picture.Content.ReadAsByteArrayAsync(Cancellation));
            Assert.Equal((64, 48), (image.Width, image.Height));
        }
    }

    [Theory]
    [InlineData("api/results?status=lost", 400, "invalid-parameter")]
    [InlineData("api/results?label=xyz", 400, "invalid-parameter")]
    [InlineData("api/results?recommendation=maybe", 400, "invalid-parameter")]
    [InlineData("api/results?from=yesterday", 400, "invalid-parameter")]
    [InlineData("api/results?continuation=zz", 400, "invalid-parameter")]
    [InlineData("api/results?continuation=3132", 400, "invalid-parameter")]
    [InlineData("api/pictures/found/a.jpg?side=0", 400, "invalid-parameter")]
    [InlineData("api/results/absent.jpg", 404, "not-found")]
    [InlineData("api/pictures/absent.jpg", 404, "not-found")]
    public async Task What_cannot_be_asked_for_gets_its_problem(string path, int status, string type)
    {
        using HttpResponseMessage response = await App.Client.GetAsync(new Uri(path, UriKind.Relative), Cancellation);
        Problem problem = JsonSerializer.Deserialize(await response.Content.ReadAsStringAsync(Cancellation), FunctionsJson.Default.Problem)!;
        Assert.Equal((status, status, "urn:lentigo:problem:" + type), ((int)response.StatusCode, problem.Status, problem.Type));
    }

    [Fact]
    public async Task The_models_versions_and_its_report_are_told()
    {
        ModelVersion[] versions = [.. JsonSerializer.Deserialize(await App.Client.GetStringAsync(new Uri("api/models", UriKind.Relative), Cancellation), FunctionsJson.Default.IReadOnlyListModelVersion)!];
        Assert.Single(versions, v => v.Serving && v.Accuracy is > 0.5);
        using HttpResponseMessage report = await App.Client.GetAsync(new Uri("api/model/report.html", UriKind.Relative), Cancellation);
        Assert.Equal((HttpStatusCode.OK, "text/html"), (report.StatusCode, report.Content.Headers.ContentType?.MediaType));
        Assert.DoesNotContain("script", Assert.Single(report.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        Assert.Contains("\"ensemble\"", await App.Client.GetStringAsync(new Uri("api/model/report.json", UriKind.Relative), Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public void Both_languages_have_the_same_texts_with_the_same_places()
    {
        Dictionary<string, string>[] languages = [.. ((string[])["en", "de"]).Select(l => JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(Path.Combine(Repository.AppFolder, "wwwroot", "assets", $"texts-{l}.json")))!)];
        Assert.Equal(languages[0].Keys.Order(), languages[1].Keys.Order());
        Assert.All(languages[0], t => Assert.Equal(Places(t.Value), Places(languages[1][t.Key])));

        static string[] Places(string text) => [.. text.Split('{').Skip(1).Select(p => p.Split('}')[0]).Order()];
    }

    private async Task<ResultPage> ListAsync(string query) =>
        JsonSerializer.Deserialize(await App.Client.GetStringAsync(new Uri($"api/results?{query}", UriKind.Relative), Cancellation), FunctionsJson.Default.ResultPage)!;
}
