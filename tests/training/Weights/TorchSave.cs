using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Lentigo.Training.Tests.Weights;

/// <summary>Writes what <c>torch.save(state_dict)</c> writes: a pickle of protocol 2 and a stored zip archive around it.</summary>
internal sealed class TorchSave
{
    private readonly List<byte> _pickle = [];
    private readonly List<(string Key, byte[] Bytes)> _storages = [];

    public TorchSave Raw(params byte[] instructions)
    {
        _pickle.AddRange(instructions);
        return this;
    }

    public TorchSave Raw(string instructions) => Raw(Encoding.ASCII.GetBytes(instructions));

    public TorchSave Begin() => Raw(0x80, 2).Raw("ccollections\nOrderedDict\n)R(");

    public TorchSave Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text), length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
        return Raw((byte)'X').Raw(length).Raw(utf8);
    }

    public TorchSave Int(long value)
    {
        byte[] digits = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(digits, value);
        return Raw(0x8a, 8).Raw(digits);
    }

    public TorchSave Ints(params long[] values)
    {
        Raw("(");
        foreach (long value in values)
        {
            Int(value);
        }

        return Raw("t");
    }

    /// <summary>A key and its tensor: a view of a storage of its own.</summary>
    public TorchSave Tensor(string name, string storageType, byte[] storage, long elements, long offset, long[] size, long[] stride)
    {
        string key = $"{_storages.Count}";
        _storages.Add((key, storage));
        return Text(name).View(storageType, key, elements, offset, size, stride);
    }

    public TorchSave View(string storageType, string key, long elements, long offset, long[] size, long[] stride) =>
        Raw("ctorch._utils\n_rebuild_tensor_v2\n((").Text("storage").Raw($"ctorch\n{storageType}\n").Text(key).Text("cpu").Int(elements).Raw("tQ")
            .Int(offset).Ints(size).Ints(stride).Raw([0x89]).Raw("ccollections\nOrderedDict\n)RtR");

    public TorchSave Floats(string name, float[] values, params long[] size)
    {
        long[] stride = new long[size.Length];
        long step = 1;
        for (int d = size.Length - 1; d >= 0; d--)
        {
            stride[d] = step;
            step *= size[d];
        }

        return Tensor(name, "FloatStorage", Bytes(values), values.Length, 0, size, stride);
    }

    /// <summary>A one-element tensor as a value without a key.</summary>
    public TorchSave FloatValue(float value)
    {
        string key = $"{_storages.Count}";
        _storages.Add((key, Bytes([value])));
        return View("FloatStorage", key, 1, 0, [1], [1]);
    }

    public byte[] End() => Raw("u.").Zip();

    public byte[] Zip(CompressionLevel compression = CompressionLevel.NoCompression)
    {
        MemoryStream file = new();
        using (ZipArchive archive = new(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            Add(archive, "archive/data.pkl", [.. _pickle], compression);
            foreach ((string key, byte[] bytes) in _storages)
            {
                Add(archive, $"archive/data/{key}", bytes, compression);
            }

            Add(archive, "archive/version", "3\n"u8.ToArray(), compression);
        }

        return file.ToArray();
    }

    public static byte[] Bytes(float[] values)
    {
        byte[] bytes = new byte[4 * values.Length];
        Buffer.BlockCopy(values, 0, bytes, 0, bytes.Length);
        return bytes;
    }

    private static void Add(ZipArchive archive, string name, byte[] bytes, CompressionLevel compression)
    {
        using Stream entry = archive.CreateEntry(name, compression).Open();
        entry.Write(bytes);
    }
}
