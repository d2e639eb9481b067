using System.Diagnostics.CodeAnalysis;

namespace Lentigo.OnnxExport;

/// <summary>The type of a tensor's elements, with the numbers of ONNX's <c>TensorProto.DataType</c>.</summary>
[SuppressMessage("Naming", "CA1720", Justification = "The types of elements are the subject.")]
public enum OnnxElementType
{
    /// <summary>No type.</summary>
    Undefined = 0,

    /// <summary>IEEE 754 binary32.</summary>
    Float32 = 1,

    /// <summary>0 to 255.</summary>
    UInt8 = 2,

    /// <summary>-128 to 127.</summary>
    Int8 = 3,

    /// <summary>32 bits, signed.</summary>
    Int32 = 6,

    /// <summary>64 bits, signed.</summary>
    Int64 = 7,

    /// <summary>True or false, a byte each.</summary>
    Boolean = 9,

    /// <summary>IEEE 754 binary16.</summary>
    Float16 = 10,

    /// <summary>IEEE 754 binary64.</summary>
    Float64 = 11,
}
