using System.Buffers.Binary;
using System.Security.Cryptography;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Serving;

/// <summary>
/// The candidate, the version of the setting <see cref="ServingOptions.Candidate"/>, tried alongside the serving version: it answers the fraction
/// <see cref="ServingOptions.CandidateShare"/> of the images and classifies the fraction <see cref="ServingOptions.CandidateShadow"/> of the others in the
/// background. While it cannot be used, the serving version answers all images.
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

    /// <summary>Creates the candidate without loading it.</summary>
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

    /// <summary>The candidate's loaded model.</summary>
    internal CurrentModel Model { get; } = new();

    /// <summary>The candidate's status; null if the settings name no candidate.</summary>
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
    /// The candidate's role for an image. It depends only on the hash of the file, so an image gets the same role each time and on each instance.
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

    /// <summary>Counts an image on which the candidate failed, and logs each distinct reason once.</summary>
    internal void Failed(Exception e)
    {
        metrics.CandidateFailed(reference!);
        lock (warned)
        {
            if (warned.Count < MaxWarnings && warned.Add(e.Message))
            {
                log.LogWarning(
                    e, "The candidate {Name} {Version} failed on an image; the serving version answers it: {Message}",
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

    /// <summary>Converts eight bytes to a number in [0, 1).</summary>
    private static double Fraction(ReadOnlySpan<byte> bytes) => (BinaryPrimitives.ReadUInt64BigEndian(bytes) >> 11) * Math.Pow(2, -53);
}
