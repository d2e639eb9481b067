using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Functions.Contracts;

namespace Lentigo.Functions.Serving;

/// <summary>The serving model. A replaced model is kept alive until the last request that uses it has finished.</summary>
public sealed class CurrentModel : IDisposable
{
    private readonly Lock gate = new();
    private readonly TaskCompletionSource loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Served? served;
    private volatile RefusedVersion? refused;
    private string unavailableReason = "it is still being loaded.";

    /// <summary>The manifest of the serving model, or null.</summary>
    public ModelManifest? Manifest => served?.Model.Manifest;

    /// <summary>The published version that cannot be used while another version serves, or null.</summary>
    internal RefusedVersion? Refused => refused;

    /// <summary>Completes when the first model is loaded; from then on there always is one.</summary>
    public Task Loaded => loaded.Task;

    /// <summary>Leases the model for one unit of work.</summary>
    /// <exception cref="ProblemException">No model is loaded yet.</exception>
    public ModelLease Acquire()
    {
        lock (gate)
        {
            if (served is null)
            {
                throw new ProblemException(Problem.NoModel(unavailableReason));
            }

            served.Leases++;
            return new(served.Model, served, this);
        }
    }

    /// <summary>Puts a model into service. The previous one is disposed with its last lease.</summary>
    public void Replace(EnsembleModel model)
    {
        Served? old;
        lock (gate)
        {
            old = served;
            refused = null; // before the new model becomes visible: the published version serves
            served = new(model);
        }

        Release(old);
        loaded.TrySetResult();
    }

    /// <summary>Sets the published version that cannot be used; null if there no longer is one.</summary>
    internal void Refuse(RefusedVersion? version) => refused = version;

    /// <summary>Sets the reason that callers receive while there is no model.</summary>
    public void SetUnavailableReason(string reason)
    {
        lock (gate)
        {
            unavailableReason = reason;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Served? last;
        lock (gate)
        {
            last = served;
            served = null;
            unavailableReason = "the service is stopping.";
        }

        Release(last);
    }

    internal void Release(Served? model)
    {
        bool isLast = false;
        if (model is not null)
        {
            lock (gate)
            {
                isLast = --model.Leases == 0;
            }
        }

        if (isLast)
        {
            model!.Model.Dispose();
            FreedMemory.Return();
        }
    }

    /// <summary>A model and its reference count; being in service counts as one reference.</summary>
    internal sealed class Served(EnsembleModel model)
    {
        public EnsembleModel Model { get; } = model;

        public int Leases { get; set; } = 1;
    }
}

/// <summary>A lease on a model; disposing it ends the lease.</summary>
public sealed class ModelLease : IDisposable
{
    private readonly CurrentModel owner;
    private CurrentModel.Served? held;

    internal ModelLease(EnsembleModel model, CurrentModel.Served held, CurrentModel owner)
    {
        Model = model;
        this.held = held;
        this.owner = owner;
    }

    /// <summary>The model.</summary>
    public EnsembleModel Model { get; }

    /// <inheritdoc/>
    public void Dispose() => owner.Release(Interlocked.Exchange(ref held, null));
}
