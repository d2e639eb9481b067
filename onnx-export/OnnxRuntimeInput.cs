using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport;

/// <summary>Tensors for ONNX Runtime.</summary>
internal static class OnnxRuntimeInput
{
    public static OrtValue Of(Tensor tensor)
    {
        using Tensor contiguous = tensor.detach().contiguous();
        return Of(ElementType(tensor.dtype), contiguous.bytes, tensor.shape);
    }

    public static OrtValue Of(OnnxElementType type, ReadOnlySpan<byte> data, long[] shape) => type switch
    {
        OnnxElementType.Float32 => OrtValue.CreateTensorValueFromMemory(MemoryMarshal.Cast<byte, float>(data).ToArray(), shape),
        OnnxElementType.UInt8 => OrtValue.CreateTensorValueFromMemory(data.ToArray(), shape),
        OnnxElementType.Int64 => OrtValue.CreateTensorValueFromMemory(MemoryMarshal.Cast<byte, long>(data).ToArray(), shape),
        OnnxElementType.Int32 => OrtValue.CreateTensorValueFromMemory(MemoryMarshal.Cast<byte, int>(data).ToArray(), shape),
        _ => throw new OnnxExportException($"Inputs can be float32, uint8, int32 or int64, not {type}."),
    };

    /// <summary>ONNX's counterpart of an element type that an input can have.</summary>
    /// <exception cref="OnnxExportException">There is none.</exception>
    public static OnnxElementType ElementType(ScalarType type) => type switch
    {
        ScalarType.Float32 => OnnxElementType.Float32,
        ScalarType.Byte => OnnxElementType.UInt8,
        ScalarType.Int64 => OnnxElementType.Int64,
        ScalarType.Int32 => OnnxElementType.Int32,
        _ => throw new OnnxExportException($"Inputs of {type} are not exported. Give the example as float32, uint8, int32 or int64: example.to(ScalarType.Float32)."),
    };
}
