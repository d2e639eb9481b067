using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Lentigo.Core.Storage;
using static TorchSharp.torch;

namespace Lentigo.Training.Weights;

/// <summary>
/// The safetensors format: the header's length as a little-endian 64-bit number, a JSON header that gives each tensor's type, shape and place,
/// then the tensors' bytes (github.com/huggingface/safetensors). It holds nothing that could run.
/// </summary>
internal static class SafetensorsFile
{
    private const long MaxHeaderBytes = 100 << 20;
    private const string Metadata = "__metadata__";

    private static readonly Dictionary<string, (ScalarType Type, int Width)> Types = new()
    {
        ["F64"] = (ScalarType.Float64, 8),
        ["F32"] = (ScalarType.Float32, 4),
        ["F16"] = (ScalarType.Float16, 2),
        ["BF16"] = (ScalarType.BFloat16, 2),
        ["I64"] = (ScalarType.Int64, 8),
        ["I32"] = (ScalarType.Int32, 4),
        ["I16"] = (ScalarType.Int16, 2),
        ["I8"] = (ScalarType.Int8, 1),
        ["U8"] = (ScalarType.Byte, 1),
        ["BOOL"] = (ScalarType.Bool, 1),
    };

    /// <summary>Reads every tensor and the metadata.</summary>
    /// <exception cref="WeightsFileException">The file is missing, damaged or in another format.</exception>
    public static (IReadOnlyDictionary<string, WeightTensor> Tensors, IReadOnlyDictionary<string, string> Metadata) Read(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            byte[] length = new byte[8];
            file.ReadExactly(length);
            ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(length);
            if (headerLength > MaxHeaderBytes || (long)headerLength > file.Length - 8)
            {
                throw new InvalidDataException($"its header claims {headerLength} bytes");
            }

            byte[] header = new byte[headerLength];
            file.ReadExactly(header);
            using JsonDocument json = JsonDocument.Parse(header);
            OrderedDictionary<string, WeightTensor> tensors = [];
            Dictionary<string, string> metadata = [];
            List<TensorEntry> entries = [];
            foreach (JsonProperty entry in json.RootElement.EnumerateObject())
            {
                if (entry.Name == Metadata)
                {
                    metadata = entry.Value.EnumerateObject().ToDictionary(m => m.Name, m => m.Value.GetString() ?? "");
                }
                else
                {
                    entries.Add(ReadEntry(entry, file.Length - 8 - (long)headerLength));
                }
            }

            CheckPlaces(entries); // before anything is read: tensors that share bytes could ask for more memory than the file has bytes
            foreach (TensorEntry entry in entries)
            {
                byte[] data = new byte[entry.To - entry.From];
                file.Position = 8 + (long)headerLength + entry.From;
                file.ReadExactly(data);
                tensors[entry.Name] = new(entry.Shape, entry.Type, data);
            }

            return (tensors, metadata);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or JsonException or InvalidOperationException
            or KeyNotFoundException or FormatException or OverflowException or ArgumentException)
        {
            throw new WeightsFileException($"The weights file {path} cannot be read as safetensors: {e.Message.TrimEnd('.')}. Is the file complete?", e);
        }
    }

    /// <summary>Writes tensors so that a reader sees the old file or the new one whole, whenever the power fails.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">Tensors by name; on any device.</param>
    /// <param name="metadata">Words to keep with them.</param>
    public static void Write(string path, IReadOnlyList<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using MemoryStream header = new();
        using (Utf8JsonWriter json = new(header))
        {
            json.WriteStartObject();
            json.WriteStartObject(Metadata);
            foreach ((string key, string value) in metadata)
            {
                json.WriteString(key, value);
            }

            json.WriteEndObject();
            long at = 0;
            foreach ((string name, Tensor tensor) in tensors)
            {
                (string type, int width) = Types.Where(t => t.Value.Type == tensor.dtype).Select(t => (t.Key, t.Value.Width)).Single();
                json.WriteStartObject(name);
                json.WriteString("dtype", type);
                json.WriteStartArray("shape");
                foreach (long size in tensor.shape)
                {
                    json.WriteNumberValue(size);
                }

                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(at);
                json.WriteNumberValue(at += tensor.numel() * width);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        header.Write(Encoding.ASCII.GetBytes(new string(' ', (int)((8 - (header.Length % 8)) % 8))));
        AtomicFile.Write(path, partial => WriteTo(partial, header, tensors));
    }

    private static void WriteTo(string path, MemoryStream header, IReadOnlyList<(string Name, Tensor Tensor)> tensors)
    {
        using FileStream file = new(path, FileMode.Create, FileAccess.Write);
        byte[] length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        file.Write(length);
        file.Write(header.GetBuffer(), 0, (int)header.Length);
        foreach ((_, Tensor tensor) in tensors)
        {
            using Tensor detached = tensor.detach();
            using Tensor onCpu = detached.cpu();
            using Tensor contiguous = onCpu.contiguous();
            file.Write(contiguous.bytes);
        }

        file.Flush(flushToDisk: true);
    }

    /// <summary>Reads what the header says of a tensor.</summary>
    /// <param name="entry">The header's entry.</param>
    /// <param name="dataBytes">How many bytes follow the header.</param>
    private static TensorEntry ReadEntry(JsonProperty entry, long dataBytes)
    {
        string type = entry.Value.GetProperty("dtype").GetString() ?? "";
        if (!Types.TryGetValue(type, out (ScalarType Type, int Width) known))
        {
            throw new InvalidDataException($"its tensor '{entry.Name}' is of the unknown type '{type}'");
        }

        long[] shape = Numbers("shape"), offsets = Numbers("data_offsets");
        if (offsets.Length != 2)
        {
            throw new InvalidDataException($"its tensor '{entry.Name}' has {offsets.Length} data_offsets, which must be two");
        }

        if (shape.Any(size => size < 0))
        {
            throw new InvalidDataException($"its tensor '{entry.Name}' has a negative size");
        }

        (long from, long to) = (offsets[0], offsets[1]);
        if (from < 0 || to < from || to > dataBytes)
        {
            throw new InvalidDataException($"its tensor '{entry.Name}' lies outside the file");
        }

        Int128 bytes = shape.Contains(0) ? 0 : known.Width;
        foreach (long size in shape)
        {
            bytes *= size;
            if (bytes > Array.MaxLength)
            {
                throw new InvalidDataException($"its tensor '{entry.Name}' is larger than 2 GB");
            }
        }

        return bytes == to - from ? new(entry.Name, known.Type, shape, from, to)
            : throw new InvalidDataException($"its tensor '{entry.Name}' of the type {type} and the shape [{string.Join(", ", shape)}] needs {bytes} bytes and has {to - from}");

        long[] Numbers(string property) => [.. entry.Value.GetProperty(property).EnumerateArray().Select(n => n.GetInt64())];
    }

    private static void CheckPlaces(IEnumerable<TensorEntry> entries)
    {
        HashSet<string> names = [];
        TensorEntry? before = null;
        foreach (TensorEntry entry in entries.OrderBy(e => e.From).ThenBy(e => e.To))
        {
            if (!names.Add(entry.Name))
            {
                throw new InvalidDataException($"it has two tensors '{entry.Name}'");
            }

            if (before is not null && entry.From < before.To)
            {
                throw new InvalidDataException($"its tensors '{before.Name}' and '{entry.Name}' share bytes");
            }

            before = entry;
        }
    }

    /// <summary>What the header says of a tensor.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="Type">The type of its numbers.</param>
    /// <param name="Shape">Its shape.</param>
    /// <param name="From">Its first byte after the header.</param>
    /// <param name="To">The byte after its last.</param>
    private sealed record TensorEntry(string Name, ScalarType Type, long[] Shape, long From, long To);
}
