using Lentigo.Training.Data;
using Lentigo.Training.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.Training.Trainers;

/// <summary>Loads batches of a data set onto a device and normalizes them for a network.</summary>
internal sealed class ImageBatches
{
    private readonly Tensor _pixels;
    private readonly Tensor _mean;
    private readonly Tensor _std;
    private readonly Device _device;

    /// <summary>Makes the batches of a data set; the tensors belong to the current dispose scope.</summary>
    public ImageBatches(LesionDataSet data, MemberArchitecture architecture, Device device)
    {
        _device = device;
        _pixels = device.type == DeviceType.CPU ? data.Pixels.alias() : data.Pixels.to(device);
        _mean = tensor(architecture.Mean.ToArray(), [1, 3, 1, 1]).to(device);
        _std = tensor(architecture.Std.ToArray(), [1, 3, 1, 1]).to(device);
    }

    /// <summary>float [n, 3, s, s] in 0 to 1.</summary>
    public Tensor Load(int[] chosen)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor indices = tensor([.. chosen.Select(i => (long)i)], dtype: ScalarType.Int64).to(_device);
        return (_pixels.index_select(0, indices).permute(0, 3, 1, 2).to(ScalarType.Float32) / 255).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Normalizes images. On the CPU they are returned in channels-last memory format, in which convolutions are fastest; on a GPU in the default one:
    /// with channels-last, cuDNN 9.19 on an H100 found no engine for a training step of MobileNetV2.
    /// </summary>
    public Tensor Normalize(Tensor images)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor normalized = (images - _mean) / _std;
        return (_device.type == DeviceType.CPU ? normalized.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) : normalized.contiguous())
            .MoveToOuterDisposeScope();
    }

    /// <summary>Four normalized batches of 128 random training images, for measuring activations.</summary>
    public IReadOnlyList<Tensor> Sample(IReadOnlyList<int> images, int seed)
    {
        int[] order = [.. images];
        new Random(seed).Shuffle(order);
        return [.. order.Take(512).Chunk(128).Select(batch => Normalize(Load(batch)))];
    }
}
