using System.Text.Json;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Lentigo.Core;
using Lentigo.Core.Predictions;

namespace Lentigo.Training.Storage;

/// <summary>Reads the feedback documents of a service: each holds an answer and the diagnosis that was confirmed afterward.</summary>
internal static class FeedbackDocuments
{
    private const int ParallelReads = 8;

    /// <summary>Reads the documents of a container or a folder.</summary>
    /// <exception cref="TrainingException">There are none, or one is damaged.</exception>
    public static async Task<IReadOnlyList<FeedbackRecord>> ReadAsync(BlobContainerClient container, CancellationToken cancellationToken)
    {
        List<string> names = [];
        await foreach (BlobItem blob in container.GetBlobsAsync(cancellationToken: cancellationToken))
        {
            if (blob.Name.EndsWith(".json", StringComparison.Ordinal))
            {
                names.Add(blob.Name);
            }
        }

        FeedbackRecord[] records = new FeedbackRecord[names.Count];
        await Parallel.ForEachAsync(names.Index(), new ParallelOptions { MaxDegreeOfParallelism = ParallelReads, CancellationToken = cancellationToken },
            async (n, stop) =>
            records[n.Index] = Parse((await container.GetBlobClient(n.Item).DownloadContentAsync(stop)).Value.Content.ToMemory().Span,
                $"{container.Name}/{n.Item}"));
        return records;
    }

    /// <summary>Reads the documents of a folder.</summary>
    /// <exception cref="TrainingException">One is damaged.</exception>
    public static IReadOnlyList<FeedbackRecord> Read(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*.json").Select(f => Parse(File.ReadAllBytes(f), f))];

    private static FeedbackRecord Parse(ReadOnlySpan<byte> json, string source)
    {
        try
        {
            FeedbackRecord? record = JsonSerializer.Deserialize(json, LentigoJson.Default.FeedbackRecord);
            return record is { Answer.Probabilities: { } answered, Answer.Label: not null, Answer.Model: not null }
                && LesionClasses.IndexOf(record.Diagnosis) >= 0
                && answered.Select(p => p.Code).Order(StringComparer.Ordinal).SequenceEqual(LesionClasses.Codes)
                ? record
                : throw new TrainingException($"{source} is no feedback: it must hold a diagnosis and an answer of seven classes. Take it away, or record it "
                    + "again.");
        }
        catch (JsonException e)
        {
            throw new TrainingException($"{source} is no feedback: {e.Message} Take it away, or record it again.", e);
        }
    }
}
