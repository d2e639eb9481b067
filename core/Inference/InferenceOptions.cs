namespace Lentigo.Core.Inference;

/// <summary>Where and how the ensemble's graph runs.</summary>
public readonly record struct InferenceOptions
{
    /// <summary>The defaults: the GPU if there is one, a thread for each processor.</summary>
    public InferenceOptions()
    {
    }

    /// <summary><see cref="InferenceDevice.Auto"/> uses the GPU if it works and the CPU otherwise; the others fail where the device is unavailable.</summary>
    public InferenceDevice Device { get; init; } = InferenceDevice.Auto;

    /// <summary>Threads within one run; 0 is one for each processor that the process, or its container, may use.</summary>
    public int Threads { get; init; }
}

/// <summary>The processor that runs the graph.</summary>
public enum InferenceDevice
{
    /// <summary>CUDA if it works, else the CPU.</summary>
    Auto,

    /// <summary>The CPU.</summary>
    Cpu,

    /// <summary>An NVIDIA GPU; loading fails where there is none.</summary>
    Cuda,
}
