using System.Buffers.Binary;
using System.Security.Cryptography;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Serving;

/// <summary>
/// The version of the setting <see cref="ServingOptions.Candidate"/>, tried beside the one that serves: it answers the share
/// <see cref="ServingOptions.CandidateShare"/> of the images and classifies the share <see cref="ServingOptions.CandidateShadow"/> of the others in the
/// background. While it cannot be used, the version that serves answers all.
/// </summary>
public sealed class CandidateModel : IHostedService, IDisposable
{
    private const int MaxWarnings = 100;
    private readonly CurrentModel serving;
    private readonly ServingOptions options;
    private readonly ServingMetrics metrics;
    private readonly ILogger<CandidateModel> log;
    private readonly ModelReference? reference;
    private readonly ModelFollower? follower;
    private readonly HashSet<string> warned = [];

    /// <summary>Loads nothing yet.</summary>
    public CandidateModel(CurrentModel serving, ModelStore store, ServingMetrics metrics, ServingOptions options, TimeProvider time, ILoggerFactory logs)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(metrics);
        this.serving = serving;
        this.options = options;
        this.metrics = metrics;
        log = logs.CreateLogger<CandidateModel>();
        reference = options.CandidateReference;
        if (reference is not null)
        {
            follower = new(store, Model, metrics, options with { Model = reference.Name }, time, logs.CreateLogger<ModelFollower>(), reference.Version);
            metrics.ObserveCandidate(() => Status!);
        }
    }

    /// <summary>The candidate as it is loaded.</summary>
    internal CurrentModel Model { get; } = new();

    /// <summary>How it stands with the candidate; null where the settings name none.</summary>
    internal CandidateStatus? Status => reference is null ? null : StatusOf(reference);

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => follower?.StartAsync(cancellationToken) ?? Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => follower?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    /// <inheritdoc/>
    public void Dispose()
    {
        follower?.Dispose();
        Model.Dispose();
    }

    /// <summary>
    /// What the candidate does with an image. It follows from the hash of the file alone, so that an image has the same part each time and on each instance.
    /// </summary>
    /// <param name="file">The file's bytes.</param>
    internal CandidatePart PartOf(byte[] file)
    {
        if (options is { CandidateShare: 0, CandidateShadow: 0 } || Status?.State != CandidateStatus.Ready)
        {
            return CandidatePart.None;
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(file, hash);
        return Fraction(hash) < options.CandidateShare ? CandidatePart.Answers
            : Fraction(hash[sizeof(ulong)..]) < options.CandidateShadow ? CandidatePart.Shadows
            : CandidatePart.None;
    }

    /// <summary>Counts an image on which the candidate failed, and logs each reason once.</summary>
    internal void Failed(Exception e)
    {
        metrics.CandidateFailed(reference!);
        lock (warned)
        {
            if (warned.Count < MaxWarnings && warned.Add(e.Message))
            {
                log.LogWarning(
                    e, "The candidate {Name} {Version} failed on an image, which the version that serves answers: {Message}",
                    reference!.Name, reference.Version, e.Message);
            }
        }
    }

    private CandidateStatus StatusOf(ModelReference candidate)
    {
        string? reason = null;
        string state;
        if (serving.Manifest is { } manifest && manifest.Name == candidate.Name && manifest.Version == candidate.Version)
        {
            state = CandidateStatus.Serving;
        }
        else if (Model.Refused is { } refused)
        {
            (state, reason) = (CandidateStatus.Refused, refused.Reason);
        }
        else
        {
            state = Model.Loaded.IsCompleted ? CandidateStatus.Ready : CandidateStatus.Loading;
        }

        return new(candidate.Name, candidate.Version, state, options.CandidateShare, options.CandidateShadow, reason);
    }

    /// <summary>Eight bytes as a number from 0 to below 1.</summary>
    private static double Fraction(ReadOnlySpan<byte> bytes) => (BinaryPrimitives.ReadUInt64BigEndian(bytes) >> 11) * Math.Pow(2, -53);
}
