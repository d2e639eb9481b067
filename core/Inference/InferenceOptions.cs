namespace Lentigo.Core.Inference;

/// <summary>The device and the threads that run the ensemble's graph.</summary>
public readonly record struct InferenceOptions
{
    /// <summary>The defaults: the GPU if there is one, one thread per processor.</summary>
    public InferenceOptions()
    {
    }

    /// <summary>
    /// <see cref="InferenceDevice.Auto"/> uses the GPU if it works and the CPU otherwise; the other values fail if the device is unavailable.
    /// </summary>
    public InferenceDevice Device { get; init; } = InferenceDevice.Auto;

    /// <summary>The number of threads within one run; 0 means one per processor available to the process or its container.</summary>
    public int Threads { get; init; }
}

/// <summary>The device that runs the graph.</summary>
public enum InferenceDevice
{
    /// <summary>CUDA if it works, otherwise the CPU.</summary>
    Auto,

    /// <summary>The CPU.</summary>
    Cpu,

    /// <summary>An NVIDIA GPU; loading fails if there is none.</summary>
    Cuda,
}
