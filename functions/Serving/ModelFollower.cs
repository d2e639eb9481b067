using Azure;
using Azure.Identity;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Follows <c>{model}/current.json</c>: loads and checks a version that it names beside the one that serves, then swaps them. A version that is published again with
/// other content is loaded too. A package that cannot be used is refused, which the log tells once and health as long as it lasts, and the version before it
/// serves on. A pinned version is followed in place of what the pointer names.
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
                // Whatever it is, the model that is loaded must serve on and the next look may go well.
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
            Warn($"{store.Location} holds no model named '{options.Model}'. Publish one with the training program's verb 'publish'.");
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
                log.LogInformation("{Reason}", model.Warning); // 'auto' takes what there is; 'cuda' refuses the CPU
            }

            current.Replace(model);
            serving = new(version, package.Fingerprint);
            FreedMemory.Return(); // loading needs more than the model does
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
            // It is tried again, for it may be repaired in place, but ever less often: a package is large.
            retryPause = published == refused ? TimeSpan.FromTicks(Math.Min(2 * retryPause.Ticks, LongestRetryPause.Ticks)) : options.ModelPollInterval;
            refusedAt = time.GetTimestamp();
            refused = published;
            current.Refuse(new(version, e.Message));
            Warn($"the version '{version}' of the model '{options.Model}' is refused: {e.Message}", e is ModelPackageException ? null : e);
        }
    }

    /// <summary>The published version serves: there is nothing to warn of.</summary>
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
                $"The setting {ServingOptions.Section}__{nameof(ServingOptions.Prior)} asks for the prior '{options.Prior}', but the package does not say which prior its probabilities are for, so that they cannot be re-weighed. "
                + $"Publish a package with a prior, or set it to {ClassPrior.Natural}.");
        }
    }

    /// <summary>Loads a model and runs the largest batch once, so that it takes its memory before it serves and not in the middle of a burst.</summary>
    private EnsembleModel LoadWarm(ModelPackage package)
    {
        EnsembleModel model = EnsembleModel.Load(package, new() { Device = options.Device, Threads = options.Threads });
        int size = package.Manifest.Input.Size;
        model.Classify(new byte[options.MaxBatchSize * size * size * 3], options.MaxBatchSize);
        return model;
    }

    /// <summary>Logs a message once, not at every look, and tells it to those who ask for the model.</summary>
    private void Warn(string message, Exception? e = null)
    {
        current.SetUnavailableReason(message);
        if (warned.Count > MostWarnings)
        {
            warned.Clear();
        }

        if (warned.Add(message))
        {
            string consequence = pinnedVersion is not null ? "It is the candidate: the version that serves answers every image."
                : current.Manifest is { } model ? $"The version {model.Version} serves on."
                : "Nothing can be classified until a model is there.";
            log.LogWarning(e, "Model not loaded: {Message} {Consequence}", message, consequence);
        }
    }

    private static string FirstLine(string text) => text.Split('\n')[0].Trim();

    /// <summary>What the pointer stands for.</summary>
    /// <param name="Version">The version.</param>
    /// <param name="Fingerprint">Its package's; null where the version has no manifest.</param>
    private sealed record Published(string Version, string? Fingerprint);
}
