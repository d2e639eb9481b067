using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;

namespace Lentigo.Functions.Http;

/// <summary>Serves the files of the page and of its model that a device stores in order to work offline.</summary>
public sealed class OfflineFiles(DeviceModel model)
{
    /// <summary>The name of the list, relative to <c>assets/</c>.</summary>
    private const string ListName = "offline.json";

    private readonly Lazy<OfflineApp?> list = new(() => List(model));

    /// <summary>Returns a file of the page, the list of files to store, or the model's graph; 404 if there is no such file.</summary>
    public IResult Answer(HttpRequest request, string file)
    {
        ArgumentNullException.ThrowIfNull(request);
        switch (file)
        {
            case ListName:
                request.HttpContext.Response.Headers.CacheControl = "no-store";
                return list.Value is { } app ? Answers.Json(app, FunctionsJson.Default.OfflineApp) : Answers.From(Problem.NotFound("model for devices"));
            case var _ when $"assets/{file}" == DeviceModel.GraphPath && model.Graph is { } graph:
                request.HttpContext.Response.Headers.CacheControl = "no-cache";
                return Results.File(graph.Path, "application/octet-stream", entityTag: new($"\"{graph.Sha256[..16]}\""));
            default:
                return PageFiles.Answer(request, $"assets/{file}");
        }
    }

    private static OfflineApp? List(DeviceModel model)
    {
        if (model.Description is not { } description || model.Graph is not { } graph)
        {
            return null;
        }

        Dictionary<string, OfflineFile> documents = PageTexts.All
            .ToDictionary(t => t.Language, t => Entry($"?lang={t.Language}", PageFiles.Page(t, "classify")));
        OfflineFile[] files =
        [
            .. PageFiles.Assets.Order(StringComparer.Ordinal).Select(name => Entry(name, PageFiles.Read(name), PageFiles.TransferredBytes(name))),
            new(DeviceModel.GraphPath, new FileInfo(graph.Path).Length, graph.Sha256),
        ];
        string all = string.Join('\n', documents.Values.Concat(files).Select(f => $"{f.Path} {f.Sha256}"));
        string version = Hash(Encoding.UTF8.GetBytes(all + JsonSerializer.Serialize(description, FunctionsJson.Default.OfflineModel)))[..16];
        return new(version, documents, files, description);
    }

    private static OfflineFile Entry(string path, byte[] content, long? transferred = null) => new(path, transferred ?? content.Length, Hash(content));

    private static string Hash(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));
}
