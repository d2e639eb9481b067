using System.Runtime.InteropServices;
using Google.Protobuf;
using Lentigo.OnnxExport.Proto;

namespace Lentigo.OnnxExport;

/// <summary>A constant of a graph: weights, axes, shapes. The data are little endian, as in files.</summary>
internal sealed record OnnxTensor(OnnxElementType ElementType, long[] Shape, byte[] Data)
{
    public static OnnxTensor Of(ReadOnlySpan<float> values, params long[] shape) => new(OnnxElementType.Float32, shape, MemoryMarshal.AsBytes(values).ToArray());

    public static OnnxTensor Of(ReadOnlySpan<long> values, params long[] shape) => new(OnnxElementType.Int64, shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>The bytes of an element.</summary>
    public static int Size(OnnxElementType type) => type switch
    {
        OnnxElementType.Float32 or OnnxElementType.Int32 => 4,
        OnnxElementType.Int64 or OnnxElementType.Float64 => 8,
        OnnxElementType.Float16 => 2,
        _ => 1,
    };

    public long Count => Shape.Aggregate(1L, (a, b) => a * b);

    public ReadOnlySpan<float> Floats => MemoryMarshal.Cast<byte, float>(Data);

    public ReadOnlySpan<long> Longs => MemoryMarshal.Cast<byte, long>(Data);

    /// <summary>The tensor as a file holds it.</summary>
    public TensorProto ToProto(string name)
    {
        TensorProto tensor = new() { Name = name, DataType = (int)ElementType, RawData = ByteString.CopyFrom(Data) };
        tensor.Dims.AddRange(Shape);
        return tensor;
    }

    /// <summary>The same numbers as float16, rounded to nearest even.</summary>
    public OnnxTensor ToFloat16()
    {
        Half[] halves = new Half[Count];
        for (int i = 0; i < halves.Length; i++)
        {
            halves[i] = (Half)Floats[i];
        }

        return new(OnnxElementType.Float16, Shape, MemoryMarshal.AsBytes<Half>(halves).ToArray());
    }

    /// <summary>The float16 numbers as float32.</summary>
    public OnnxTensor ToFloat32()
    {
        ReadOnlySpan<Half> halves = MemoryMarshal.Cast<byte, Half>(Data);
        float[] floats = new float[halves.Length];
        for (int i = 0; i < floats.Length; i++)
        {
            floats[i] = (float)halves[i];
        }

        return Of(floats, Shape);
    }
}
