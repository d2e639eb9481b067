using Azure;
using Azure.Identity;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Follows <c>{model}/current.json</c>: loads and checks the version that it names while the previous one serves, then swaps them. A version that is
/// republished with different content is loaded too. A package that cannot be used is refused and the previous version keeps serving; this is logged once and
/// reported by the health check as long as it lasts. If a version is pinned, it is followed instead of the pointer.
/// </summary>
public sealed class ModelFollower(
    ModelStore store, CurrentModel current, ServingMetrics metrics, ServingOptions options, TimeProvider time, ILogger<ModelFollower> log,
    string? pinnedVersion = null) : BackgroundService
{
    private const int MostWarnings = 100;
    private static readonly TimeSpan LongestRetryPause = TimeSpan.FromMinutes(5);
    private readonly HashSet<string> warned = [];
    private Published? serving;
    private Published? refused;
    private long refusedAt;
    private TimeSpan retryPause;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (pinnedVersion is null)
        {
            metrics.ObserveModel(options.Model, () => current.Manifest, () => current.Refused);
        }

        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await FollowAsync(stoppingToken);
            }
            catch (Exception) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // Whatever the fault, the loaded model must keep serving, and the next attempt may succeed.
                Warn(
                    e is RequestFailedException or AggregateException or AuthenticationFailedException
                        ? $"the storage at {store.Location} cannot be read: {FirstLine(e.Message)}"
                        : $"looking for the model '{options.Model}' failed: {FirstLine(e.Message)}",
                    e);
            }

            await Task.Delay(options.ModelPollInterval, time, stoppingToken).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private async Task FollowAsync(CancellationToken stop)
    {
        string? version;
        try
        {
            version = pinnedVersion ?? await store.ReadCurrentVersionAsync(options.Model, stop);
        }
        catch (ModelPackageException e)
        {
            Warn(e.Message, e);
            return;
        }

        if (version is null)
        {
            Warn($"{store.Location} holds no model named '{options.Model}'. Publish one with the training program's command 'publish'.");
            return;
        }

        Published published = new(version, await store.ReadFingerprintAsync(options.Model, version, stop));
        if (published == serving)
        {
            Settle();
            return;
        }

        if (published == refused && time.GetElapsedTime(refusedAt) < retryPause)
        {
            return;
        }

        try
        {
            ModelPackage package = await store.FetchAsync(options.Model, version, stop);
            CheckUsable(package, version);
            EnsembleModel model = await Task.Run(() => LoadWarm(package), stop);
            if (model.Warning is not null)
            {
                log.LogInformation("{Reason}", model.Warning); // 'auto' falls back to the CPU; 'cuda' does not
            }

            current.Replace(model);
            serving = new(version, package.Fingerprint);
            FreedMemory.Return(); // loading needs more memory than the model itself
            Settle();
            if (pinnedVersion is not null)
            {
                log.LogInformation("The candidate {Name} {Version} is loaded on {Device}.", package.Manifest.Name, version, model.Device);
                return;
            }

            log.LogInformation(
                "Serving the model {Name} {Version} on {Device}, {Threads} threads, weights in {Precision}, batches of up to {Batch}.",
                package.Manifest.Name, version, model.Device, model.Threads, package.Manifest.Precision, options.MaxBatchSize);
        }
        catch (Exception e) when (e is ModelPackageException or IOException or UnauthorizedAccessException)
        {
            // The version is tried again because it may be repaired in place, but with growing delays because a package is large.
            retryPause = published == refused ? TimeSpan.FromTicks(Math.Min(2 * retryPause.Ticks, LongestRetryPause.Ticks)) : options.ModelPollInterval;
            refusedAt = time.GetTimestamp();
            refused = published;
            current.Refuse(new(version, e.Message));
            Warn($"the version '{version}' of the model '{options.Model}' is refused: {e.Message}", e is ModelPackageException ? null : e);
        }
    }

    /// <summary>The published version serves: resets all warnings.</summary>
    private void Settle()
    {
        refused = null;
        warned.Clear();
        current.Refuse(null);
    }

    private void CheckUsable(ModelPackage package, string version)
    {
        ModelManifest manifest = package.Manifest;
        if (manifest.Name != options.Model || manifest.Version != version)
        {
            throw new ModelPackageException($"The package at {options.Model}/{version} says it is {manifest.Name} {manifest.Version}. Publish it again under its own name and version.");
        }

        if (options.Prior != ClassPrior.Natural && manifest.Prior is null)
        {
            throw new ModelPackageException(
                $"The setting {ServingOptions.Section}__{nameof(ServingOptions.Prior)} asks for the prior '{options.Prior}', but the package does not say which prior its probabilities are for, so they cannot be reweighted. "
                + $"Publish a package with a prior, or set it to {ClassPrior.Natural}.");
        }
    }

    /// <summary>Loads a model and runs the largest batch once, so that it allocates its memory before it serves and not in the middle of a burst.</summary>
    private EnsembleModel LoadWarm(ModelPackage package)
    {
        EnsembleModel model = EnsembleModel.Load(package, new() { Device = options.Device, Threads = options.Threads });
        int size = package.Manifest.Input.Size;
        model.Classify(new byte[options.MaxBatchSize * size * size * 3], options.MaxBatchSize);
        return model;
    }

    /// <summary>Logs a message once rather than at every poll, and makes it the reason that callers receive while there is no model.</summary>
    private void Warn(string message, Exception? e = null)
    {
        current.SetUnavailableReason(message);
        if (warned.Count > MostWarnings)
        {
            warned.Clear();
        }

        if (warned.Add(message))
        {
            string consequence = pinnedVersion is not null ? "It is the candidate; the serving version answers every image."
                : current.Manifest is { } model ? $"Version {model.Version} keeps serving."
                : "Nothing can be classified until a model is loaded.";
            log.LogWarning(e, "Model not loaded: {Message} {Consequence}", message, consequence);
        }
    }

    private static string FirstLine(string text) => text.Split('\n')[0].Trim();

    /// <summary>A published version, as the pointer names it.</summary>
    /// <param name="Version">The version.</param>
    /// <param name="Fingerprint">The fingerprint of its package; null if the version has no manifest.</param>
    private sealed record Published(string Version, string? Fingerprint);
}
