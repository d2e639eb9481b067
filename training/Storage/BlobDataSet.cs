using System.Security.Cryptography;
using Azure.Storage.Blobs.Models;
using Lentigo.Training.Data;

namespace Lentigo.Training.Storage;

/// <summary>Downloads data sets from blob storage to a local copy, and uploads them.</summary>
internal static class BlobDataSet
{
    private static readonly string[] Extensions = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".csv", ".npz"];

    // Images are small: latency dominates the transfer.
    private const int Parallelism = 16;

    /// <summary>
    /// Synchronizes the local copy with the data set: files with the length and modification time of their blob are not downloaded again, and files whose blob
    /// is
    /// gone are deleted.
    /// </summary>
    /// <param name="source">A folder of images and tables, or one <c>.npz</c> blob.</param>
    /// <param name="cacheFolder">The folder of all local copies.</param>
    /// <param name="progress">Receives the number of bytes.</param>
    /// <param name="cancellationToken">Stops the download; finished files are kept.</param>
    /// <returns>The local folder, or the local <c>.npz</c>.</returns>
    /// <exception cref="DataSetException">There is no data set, or the name of a blob leads out of the folder.</exception>
    public static async Task<string> FetchAsync(BlobFolder source, string cacheFolder, IProgress<(long Done, long? Total)>? progress,
        CancellationToken cancellationToken)
    {
        string local = Path.GetFullPath(Path.Combine(
            [cacheFolder, source.Container.Uri.Authority.Replace(':', '_'),
                .. source.Container.Uri.AbsolutePath.Split('/', StringSplitOptions.RemoveEmptyEntries), .. source.Prefix.Split('/')]));
        if (source.Prefix.EndsWith(".npz", StringComparison.OrdinalIgnoreCase))
        {
            BlobFolder parent = new(source.Container, Path.GetDirectoryName(source.Prefix)!.Replace('\\', '/'));
            string name = Path.GetFileName(source.Prefix);
            BlobProperties blob = await parent.Blob(name).GetPropertiesAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
            if (!IsCurrent(local, blob.ContentLength, blob.LastModified))
            {
                await parent.DownloadAsync(name, local, new Bytes(done => progress?.Report((done, blob.ContentLength))), cancellationToken)
                    .ConfigureAwait(false);
            }

            return local;
        }

        (string Name, BlobItem Blob, string Path)[] blobs = [.. (await source.ListAsync(cancellationToken).ConfigureAwait(false))
            .Where(b => Extensions.Contains(Path.GetExtension(b.Name), StringComparer.OrdinalIgnoreCase)
                || b.Name.Contains("metadata", StringComparison.Ordinal))
            .Select(b => (b.Name, b.Blob, Path.GetFullPath(Path.Combine(local, b.Name))))];
        if (blobs.Length == 0)
        {
            throw new DataSetException($"{source.Location} holds no images and no tables. Check --data, or upload a data set with 'data push'.");
        }

        if (blobs.FirstOrDefault(b => !b.Path.StartsWith(local + Path.DirectorySeparatorChar, StringComparison.Ordinal)).Name is { } astray)
        {
            throw new DataSetException($"The name of the blob '{astray}' in {source.Location} leads out of its folder. Rename it.");
        }

        Directory.CreateDirectory(local);
        HashSet<string> wanted = [.. blobs.Select(b => b.Path)];
        foreach (string gone in Directory.EnumerateFiles(local, "*", SearchOption.AllDirectories)
            .Where(f => !wanted.Contains(f) && Path.GetExtension(f) != ".partial"))
        {
            File.Delete(gone);
        }

        var missing = blobs.Where(b => !IsCurrent(b.Path, b.Blob.Properties.ContentLength!.Value, b.Blob.Properties.LastModified!.Value)).ToArray();
        long total = missing.Sum(b => b.Blob.Properties.ContentLength!.Value), done = 0;
        await Parallel.ForEachAsync(missing, new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = cancellationToken },
            async (blob, token) =>
        {
            await source.DownloadAsync(blob.Name, blob.Path, progress: null, token).ConfigureAwait(false);
            progress?.Report((Interlocked.Add(ref done, blob.Blob.Properties.ContentLength!.Value), total));
        }).ConfigureAwait(false);
        return local;
    }

    /// <summary>Uploads files in parallel. Blobs that already have the length and MD5 of their file are skipped, so that the upload can be repeated.</summary>
    /// <param name="files">The files, each with the name of its blob.</param>
    /// <param name="target">The target folder.</param>
    /// <param name="progress">Receives the number of bytes, including those of skipped files.</param>
    /// <param name="cancellationToken">Stops the upload; uploaded files are kept.</param>
    /// <returns>The number of uploaded files.</returns>
    public static async Task<int> PushAsync(
        IReadOnlyList<(string Path, string Name)> files, BlobFolder target, IProgress<(long Done, long? Total)>? progress, CancellationToken cancellationToken)
    {
        Dictionary<string, BlobItem> there = (await target.ListAsync(cancellationToken).ConfigureAwait(false))
            .ToDictionary(b => b.Name, b => b.Blob, StringComparer.Ordinal);
        long total = files.Sum(f => new FileInfo(f.Path).Length), done = 0;
        int uploaded = 0;
        await Parallel.ForEachAsync(files, new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = cancellationToken },
            async (file, token) =>
        {
            byte[] hash;
            long length;
            using (FileStream content = File.OpenRead(file.Path))
            {
                length = content.Length;
#pragma warning disable CA5351 // Content-MD5 is the checksum of blob storage, against accidental corruption.
                hash = await MD5.HashDataAsync(content, token).ConfigureAwait(false);
#pragma warning restore CA5351
            }

            if (!there.TryGetValue(file.Name, out BlobItem? blob) || blob.Properties.ContentLength != length
                || blob.Properties.ContentHash?.SequenceEqual(hash) != true)
            {
                await target.UploadAsync(file.Path, file.Name, new BlobUploadOptions { HttpHeaders = new() { ContentHash = hash } }, token)
                    .ConfigureAwait(false);
                Interlocked.Increment(ref uploaded);
            }

            progress?.Report((Interlocked.Add(ref done, length), total));
        }).ConfigureAwait(false);
        return uploaded;
    }

    private static bool IsCurrent(string path, long length, DateTimeOffset changed)
    {
        FileInfo file = new(path);
        return file.Exists && file.Length == length && file.LastWriteTimeUtc == changed.UtcDateTime;
    }

    private sealed class Bytes(Action<long> report) : IProgress<long>
    {
        public void Report(long value) => report(value);
    }
}
