using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Azure;
using Azure.Storage.Blobs.Models;
using Lentigo.Core;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;

namespace Lentigo.EndToEnd.Tests;

/// <summary>What a client does with the app.</summary>
internal static class Api
{
    private static readonly Uri PredictRoute = new("api/predict", UriKind.Relative);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<Prediction> PredictAsync(this RunningApp app, byte[] file)
    {
        using ByteArrayContent body = new(file);
        using HttpResponseMessage response = await app.Client.PostAsync(PredictRoute, body, Cancellation);
        return await PredictionOfAsync(response);
    }

    public static async Task<ServiceHealth> HealthAsync(this RunningApp app) =>
        JsonSerializer.Deserialize(await app.Client.GetStringAsync(new Uri("api/health", UriKind.Relative), Cancellation), FunctionsJson.Default.ServiceHealth)!;

    public static async Task<Prediction> PredictFormAsync(this RunningApp app, byte[] file, string fileName)
    {
        using MultipartFormDataContent form = new() { { new StringContent("a note"), "note" }, { new ByteArrayContent(file), "image", fileName } };
        using HttpResponseMessage response = await app.Client.PostAsync(PredictRoute, form, Cancellation);
        return await PredictionOfAsync(response);
    }

    public static async Task<Problem> RefusedAsync(this RunningApp app, HttpContent body)
    {
        using HttpResponseMessage response = await app.Client.PostAsync(PredictRoute, body, Cancellation);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Problem problem = JsonSerializer.Deserialize(await response.Content.ReadAsStringAsync(Cancellation), FunctionsJson.Default.Problem)!;
        Assert.Equal((int)response.StatusCode, problem.Status);
        return problem;
    }

    public static async Task<BlobContentInfo> DropAsync(this RunningApp app, string name, byte[] file) =>
        await app.Blobs.GetBlobContainerClient("lesions").GetBlobClient(name).UploadAsync(BinaryData.FromBytes(file), overwrite: true, Cancellation);

    /// <summary>Waits for the result of an image.</summary>
    /// <param name="app">The app, whose storage holds the result.</param>
    /// <param name="name">The image's name.</param>
    /// <param name="version">Its version.</param>
    /// <param name="other">Another app that works on this storage, whose log tells why there is none.</param>
    public static async Task<LesionResult> ResultAsync(this RunningApp app, string name, ETag version, RunningApp? other = null)
    {
        LesionResult? result = null;
        await Eventually.TrueAsync(
            async () => (result = await ResultOrNullAsync(app, name))?.Source.ETag == version.ToString(),
            () => $"the result of {name}. The end of the app's log:\n{(other ?? app).LogEnd}");
        return result!;
    }

    public static async Task<LesionResult?> ResultOrNullAsync(this RunningApp app, string name)
    {
        try
        {
            BlobDownloadResult download = await app.Blobs.GetBlobContainerClient("results").GetBlobClient(name + ".json").DownloadContentAsync(Cancellation);
            Assert.Equal("application/json", download.Details.ContentType);
            return JsonSerializer.Deserialize(download.Content.ToString(), FunctionsJson.Default.LesionResult);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    public static void AssertSame(IReadOnlyList<ClassProbability> expected, IReadOnlyList<ClassProbability>? actual)
    {
        Assert.NotNull(actual);
        Dictionary<string, double> byCode = actual.ToDictionary(p => p.Code, p => p.Probability);
        Assert.All(expected, p => Assert.Equal(p.Probability, byCode[p.Code], 1e-5));
    }

    public static HttpContent Body(byte[] file, string? contentType = null)
    {
        ByteArrayContent body = new(file);
        body.Headers.ContentType = contentType is null ? null : MediaTypeHeaderValue.Parse(contentType);
        return body;
    }

    private static async Task<Prediction> PredictionOfAsync(HttpResponseMessage response)
    {
        string json = await response.Content.ReadAsStringAsync(Cancellation);
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"{response.StatusCode}: {json}");
        return JsonSerializer.Deserialize(json, LentigoJson.Default.Prediction)!;
    }
}
