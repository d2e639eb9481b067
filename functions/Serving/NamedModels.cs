using System.Collections.Concurrent;
using Lentigo.Core.Models;
using Lentigo.Functions.Contracts;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Serving;

/// <summary>
/// The models that callers can select by name: the serving model, and those of the setting <see cref="ServingOptions.Models"/>, each of which is loaded on
/// first use and followed from then on.
/// </summary>
public sealed class NamedModels(CurrentModel serving, ModelStore store, ServingMetrics metrics, ServingOptions options, TimeProvider time, ILoggerFactory logs, IHostApplicationLifetime lifetime) : IDisposable
{
    /// <summary>
    /// The maximum time that the first request waits for its model. If it takes longer, or there is no such model, the caller is told to retry.
    /// </summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, Lazy<Followed>> others = [];

    /// <summary>Returns the model with this name.</summary>
    /// <param name="name">The name; null for the serving model.</param>
    /// <param name="cancellationToken">Cancels waiting for the model to be loaded.</param>
    /// <exception cref="ProblemException">The settings do not allow the model.</exception>
    public async Task<CurrentModel> OfAsync(string? name, CancellationToken cancellationToken)
    {
        if (name is null || name == options.Model)
        {
            return serving;
        }

        if (!options.ModelNames.Contains(name))
        {
            throw new ProblemException(Problem.UnknownModel(options.ModelNames));
        }

        CurrentModel model = others.GetOrAdd(name, n => new(() => Follow(n))).Value.Model;
        await Task.WhenAny(model.Loaded, Task.Delay(LongestWait, time, cancellationToken));
        cancellationToken.ThrowIfCancellationRequested();
        return model;
    }

    /// <summary>The version of a model that is in memory; null if none is.</summary>
    public string? VersionOf(string name) =>
        (name == options.Model ? serving : others.TryGetValue(name, out Lazy<Followed>? followed) ? followed.Value.Model : null)?.Manifest?.Version;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Lazy<Followed> followed in others.Values)
        {
            followed.Value.Follower.Dispose();
            followed.Value.Model.Dispose();
        }
    }

    private Followed Follow(string name)
    {
        CurrentModel model = new();
        ModelFollower follower = new(store, model, metrics, options with { Model = name }, time, logs.CreateLogger<ModelFollower>());
        _ = follower.StartAsync(lifetime.ApplicationStopping); // it logs its own faults
        return new(model, follower);
    }

    private sealed record Followed(CurrentModel Model, ModelFollower Follower);
}
