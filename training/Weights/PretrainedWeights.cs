using System.Security.Cryptography;
using Lentigo.Core.Storage;

namespace Lentigo.Training.Weights;

/// <summary>
/// A file of public ImageNet weights: torchvision's official one (BSD-3-Clause), in the zip format that <see cref="PthFile"/> reads. The name ends in
/// the first hexadecimal digits of its SHA-256, as all of torchvision's do.
/// </summary>
/// <param name="Network">The network's name in the registry.</param>
/// <param name="Url">The address of the file.</param>
internal sealed record PretrainedWeights(string Network, Uri Url)
{
    /// <summary>The download limit, far above the size of any official file.</summary>
    private const long MaxBytes = 1L << 30;

    private static readonly TimeSpan StallTimeout = TimeSpan.FromSeconds(60);

    /// <summary>
    /// The official files. MobileNetV2 has torchvision's second weights: the first (<c>b0353104</c>) are of 2019, before the zip format.
    /// No public weights fit the small vision transformer, whose patches are smaller than the published ones'.
    /// </summary>
    public static IReadOnlyList<PretrainedWeights> All { get; } =
    [
        Official("resnet18", "resnet18-f37072fd.pth"),
        Official("mobilenet_v2", "mobilenet_v2-7ebf99e0.pth"),
        Official("efficientnet_b0", "efficientnet_b0_rwightman-7f5810bc.pth"),
        Official("efficientnet_b4", "efficientnet_b4_rwightman-23ab8bcd.pth"),
    ];

    /// <summary>The default folder of downloads: <c>lentigo/weights</c> in the user's application data.</summary>
    public static string DefaultFolder =>
        Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify), "lentigo",
            "weights");

    /// <summary>The file's name.</summary>
    public string FileName => Path.GetFileName(Url.LocalPath);

    /// <summary>The first digits of the file's SHA-256, lower-case hex.</summary>
    public string HashPrefix => Path.GetFileNameWithoutExtension(FileName).Split('-')[^1];

    /// <summary>
    /// Downloads the file unless it exists. It appears under its name only when complete, with the correct hash.
    /// </summary>
    /// <param name="folder">The target folder; created where it does not exist.</param>
    /// <param name="http">The HTTP client.</param>
    /// <param name="progress">Receives the number of bytes so far and in total; the latter is null where the server does not report it.</param>
    /// <param name="cancellation">Stops the download.</param>
    /// <returns>The file's path.</returns>
    /// <exception cref="WeightsFileException">It could not be downloaded or written, or its hash is wrong.</exception>
    public async Task<string> DownloadAsync(string folder, HttpClient http, IProgress<(long Done, long? Total)>? progress = null,
        CancellationToken cancellation = default)
    {
        string path = Path.Combine(folder, FileName);
        try
        {
            if (File.Exists(path) && await HasRightHashAsync(path, cancellation).ConfigureAwait(false))
            {
                return path;
            }

            Directory.CreateDirectory(folder);
            await AtomicFile.WriteAsync(path, FetchAndCheckAsync, isShared: true).ConfigureAwait(false);
            return path;
        }
        catch (Exception e) when (e is HttpRequestException or HttpIOException or TimeoutException)
        {
            string reason = e is HttpRequestException { StatusCode: { } status } ? $"the server answered {(int)status}" : e.Message.TrimEnd('.');
            throw new WeightsFileException(
                $"{FileName} could not be downloaded from {Url}: {reason}. Is this machine offline? Then download it elsewhere and copy it to {path}.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WeightsFileException($"{FileName} could not be written to {folder}: {e.Message}", e);
        }

        async Task FetchAndCheckAsync(string partial)
        {
            await FetchAsync(partial, http, progress, cancellation).ConfigureAwait(false);
            if (!await HasRightHashAsync(partial, cancellation).ConfigureAwait(false))
            {
                throw new WeightsFileException(
                    $"{Url} sent another file than {FileName}: its SHA-256 does not begin with {HashPrefix}. Nothing was kept. Try again, or on another "
                        + "network.");
            }
        }
    }

    private static PretrainedWeights Official(string network, string file) => new(network, new Uri($"https://download.pytorch.org/models/{file}"));

    private async Task FetchAsync(string part, HttpClient http, IProgress<(long Done, long? Total)>? progress, CancellationToken cancellation)
    {
        using CancellationTokenSource stall = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        try
        {
            stall.CancelAfter(StallTimeout);
            using HttpResponseMessage response = await http.GetAsync(Url, HttpCompletionOption.ResponseHeadersRead, stall.Token).ConfigureAwait(false);
            response.EnsureSuccessStatusCode();
            long? total = response.Content.Headers.ContentLength;
            using Stream body = await response.Content.ReadAsStreamAsync(stall.Token).ConfigureAwait(false);
            using FileStream file = File.Create(part);
            byte[] buffer = new byte[1 << 17];
            long done = 0;
            for (int read; (read = await body.ReadAsync(buffer, stall.Token).ConfigureAwait(false)) > 0;)
            {
                done += read;
                if (done > MaxBytes)
                {
                    throw new WeightsFileException($"What {Url} sends is longer than {MaxBytes >> 20} MiB, which is not {FileName}. Nothing was kept.");
                }

                await file.WriteAsync(buffer.AsMemory(0, read), stall.Token).ConfigureAwait(false);
                progress?.Report((done, total));
                stall.CancelAfter(StallTimeout);
            }
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new TimeoutException($"nothing came for {StallTimeout.TotalSeconds:0} seconds", e);
        }
    }

    private async Task<bool> HasRightHashAsync(string path, CancellationToken cancellation)
    {
        using FileStream file = File.OpenRead(path);
        byte[] hash = await SHA256.HashDataAsync(file, cancellation).ConfigureAwait(false);
        return Convert.ToHexStringLower(hash).StartsWith(HashPrefix, StringComparison.Ordinal);
    }
}
