using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Lentigo.Training.Data;

/// <summary>An array of NumPy's <c>.npy</c> format, versions 1 to 3 (numpy.lib.format), of bytes in C order.</summary>
/// <param name="Shape">The sizes of its dimensions.</param>
/// <param name="Type">NumPy's type: <c>|u1</c>, <c>&lt;i8</c>, ...</param>
/// <param name="Data">The elements in row-major order.</param>
internal sealed partial record NpyArray(IReadOnlyList<int> Shape, string Type, byte[] Data)
{
    /// <summary>Reads an array of integers of 1, 2, 4 or 8 bytes.</summary>
    /// <param name="stream">The file's bytes.</param>
    /// <param name="name">What to call the file in messages.</param>
    /// <exception cref="DataSetException">The file is damaged or of another type.</exception>
    public static NpyArray Read(Stream stream, string name)
    {
        try
        {
            byte[] start = new byte[8];
            stream.ReadExactly(start);
            if (start[0] != 0x93 || !start.AsSpan(1, 5).SequenceEqual("NUMPY"u8))
            {
                throw new DataSetException($"{name} is not a NumPy array: it does not start with the format's signature.");
            }

            byte[] lengthBytes = new byte[start[6] == 1 ? 2 : 4];
            stream.ReadExactly(lengthBytes);
            uint headerLength = start[6] == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(lengthBytes) : BinaryPrimitives.ReadUInt32LittleEndian(lengthBytes);
            if (headerLength > 1 << 20)
            {
                throw new DataSetException($"{name} is damaged: its header claims {headerLength} bytes.");
            }

            byte[] headerBytes = new byte[headerLength];
            stream.ReadExactly(headerBytes);
            string header = Encoding.UTF8.GetString(headerBytes);
            string type = Described().Match(header).Groups[1].Value;
            if (type is not ("|u1" or "|i1" or "|b1" or "<u2" or "<i2" or "<u4" or "<i4" or "<u8" or "<i8")
                || header.Contains("'fortran_order': True", StringComparison.Ordinal))
            {
                throw new DataSetException($"{name} holds elements of type '{type}' or in Fortran order; integers in C order are needed.");
            }

            int[] shape = [.. Shaped().Match(header).Groups[1].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Select(d => int.Parse(d, NumberStyles.None, CultureInfo.InvariantCulture))];
            long bytes = shape.Aggregate((long)(type[2] - '0'), (product, size) => checked(product * size));
            if (bytes > Array.MaxLength)
            {
                throw new DataSetException($"{name} holds {bytes} bytes; at most {Array.MaxLength} can be read.");
            }

            byte[] data = new byte[bytes];
            stream.ReadExactly(data);
            return new(shape, type, data);
        }
        catch (Exception e) when (e is EndOfStreamException or InvalidDataException or FormatException or OverflowException)
        {
            throw new DataSetException($"{name} is cut short or damaged: {e.Message} Download the file again.", e);
        }
    }

    /// <summary>The element at a position in row-major order.</summary>
    public long this[int index]
    {
        get
        {
            int width = Type[2] - '0';
            ReadOnlySpan<byte> bytes = Data.AsSpan(index * width, width);
            return Type switch
            {
                "|i1" => (sbyte)bytes[0],
                "<u2" => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
                "<i2" => BinaryPrimitives.ReadInt16LittleEndian(bytes),
                "<u4" => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
                "<i4" => BinaryPrimitives.ReadInt32LittleEndian(bytes),
                "<u8" or "<i8" => BinaryPrimitives.ReadInt64LittleEndian(bytes),
                _ => bytes[0],
            };
        }
    }

    [GeneratedRegex(@"'descr':\s*'([^']*)'")]
    private static partial Regex Described();

    [GeneratedRegex(@"'shape':\s*\(([^)]*)\)")]
    private static partial Regex Shaped();
}
