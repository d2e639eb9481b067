using System.IO.Compression;
using System.Text;
using static TorchSharp.torch;

namespace Lentigo.Training.Weights;

/// <summary>
/// Reads the state dict of a <c>.pth</c> file as PyTorch 1.6 and later write it (<c>torch.save</c>: a zip archive of stored entries, a pickle
/// <c>data.pkl</c> and a file <c>data/{key}</c> for each storage). No code of the file is run: only tensors are accepted, see
/// <see cref="RestrictedUnpickler"/>. Memory is bounded by the file's length.
/// </summary>
internal static class PthFile
{
    /// <summary>The longest pickle that is read; a state dict of a thousand tensors needs about 150 kB.</summary>
    private const long MaxPickleBytes = 32 << 20;

    /// <summary>How deep a training script may put the state dict.</summary>
    private const int MostNesting = 4;

    // Where a file holds several sets of tensors, such as weights and their moving average, these are the weights.
    private static readonly string[] Preferred = ["state_dict", "model", "model_state_dict"];

    /// <summary>The tensors of a file by name, in the file's order.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="WeightsFileException">The file is missing, damaged, in another format, or holds anything but tensors.</exception>
    public static IReadOnlyDictionary<string, WeightTensor> Read(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            return Read(file, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WeightsFileException($"The weights file {path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The tensors of a file by name, in the file's order.</summary>
    /// <param name="file">The file's bytes; must be seekable.</param>
    /// <param name="name">What to call the file in messages.</param>
    /// <exception cref="WeightsFileException">The file is damaged, in another format, or holds anything but tensors.</exception>
    public static IReadOnlyDictionary<string, WeightTensor> Read(Stream file, string name)
    {
        try
        {
            RefuseLegacyFormat(file);
            using ZipArchive archive = new(file, ZipArchiveMode.Read, leaveOpen: true);
            return new Reader(archive, file.Length).Read();
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or ArgumentException or OverflowException or NotSupportedException)
        {
            string reason = e is OverflowException ? "the shape of one of its tensors makes no sense" : e.Message.TrimEnd('.');
            throw new WeightsFileException($"The weights file {name} is refused: {reason}.", e);
        }
    }

    private static void RefuseLegacyFormat(Stream file)
    {
        Span<byte> start = stackalloc byte[4];
        int read = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        file.Position = 0;
        if (read >= 2 && start[0] == 0x80)
        {
            throw new InvalidDataException(
                "it is in the format that PyTorch wrote before version 1.6 (a bare pickle, not a zip archive). "
                + "Convert it once with a recent PyTorch: torch.save(torch.load(path, weights_only=True), path)");
        }

        if (read < 4 || !start.SequenceEqual("PK\u0003\u0004"u8))
        {
            throw new InvalidDataException("it is not a zip archive as torch.save writes it. Is the download complete?");
        }
    }

    private sealed class Reader(ZipArchive archive, long fileLength)
    {
        private readonly Dictionary<string, (PickledStorage Storage, byte[] Bytes)> _storages = [];
        private string _root = "";
        private long _allocated;

        public OrderedDictionary<string, WeightTensor> Read()
        {
            ZipArchiveEntry pickle = FindPickle();
            if (pickle.Length > MaxPickleBytes)
            {
                throw new InvalidDataException($"its pickle of {pickle.Length} bytes is longer than any network's state dict");
            }

            if (archive.GetEntry(_root + "byteorder") is { } byteOrder && Encoding.ASCII.GetString(ReadEntry(byteOrder)) != "little")
            {
                throw new InvalidDataException("it was written on a big-endian machine, which is not supported");
            }

            PickledDictionary state = RestrictedUnpickler.Load(ReadEntry(pickle)) as PickledDictionary
                ?? throw new InvalidDataException("it holds no dictionary of tensors; save a network's state_dict()");

            state = FindWeights(state);
            OrderedDictionary<string, WeightTensor> tensors = [];
            foreach ((object? key, object? value) in state.Items)
            {
                if (key is not string name || value is not PickledTensor tensor)
                {
                    throw new InvalidDataException($"its entry '{RestrictedUnpickler.Printable($"{key}")}' is not a tensor; save a network's state_dict()");
                }

                tensors[name] = Materialize(name, tensor);
            }

            return tensors;
        }

        /// <summary>
        /// The dictionary that holds tensors: training scripts put it under any key, beside the optimizer's state and the epoch. The least nested one counts,
        /// of these the
        /// usual name's, then the one of most tensors. What stands under numbers is an optimizer's.
        /// </summary>
        private static PickledDictionary FindWeights(PickledDictionary root)
        {
            List<(string Key, PickledDictionary Dictionary)> level = [("", root)];
            for (int depth = 0; depth <= MostNesting && level.Count > 0; depth++)
            {
                var holding = level.Where(l => l.Dictionary.Items.Any(i => i.Value is PickledTensor)).ToArray();
                if (holding.Length > 0)
                {
                    return holding.OrderBy(h => Array.IndexOf(Preferred, h.Key) is var at && at < 0 ? Preferred.Length : at)
                        .ThenByDescending(h => h.Dictionary.Items.Count(i => i.Value is PickledTensor)).First().Dictionary;
                }

                level = [.. level.SelectMany(l => l.Dictionary.Items).Where(i => i.Key is string && i.Value is PickledDictionary)
                    .Select(i => ((string)i.Key!, (PickledDictionary)i.Value!))];
            }

            return root;
        }

        private ZipArchiveEntry FindPickle()
        {
            ZipArchiveEntry[] pickles = [.. archive.Entries.Where(e => e.Name == "data.pkl")];
            if (pickles.Length != 1)
            {
                throw new InvalidDataException("it is a zip archive, but not one that torch.save wrote: it must hold data.pkl once");
            }

            _root = pickles[0].FullName[..^"data.pkl".Length];
            return archive.GetEntry(_root + "constants.pkl") is null
                ? pickles[0]
                : throw new InvalidDataException("it is a TorchScript program, not a state dict; save a network's state_dict()");
        }

        private WeightTensor Materialize(string name, PickledTensor tensor)
        {
            (PickledStorage storage, byte[] bytes) = Load(tensor.Storage);
            if (storage.Type != tensor.Storage.Type || storage.Count != tensor.Storage.Count)
            {
                throw new InvalidDataException($"its storage {RestrictedUnpickler.Printable(storage.Key)} is given two types or lengths");
            }

            if (tensor.Size.Length != tensor.Stride.Length || tensor.Size.Length > 16)
            {
                throw new InvalidDataException($"the shape of its tensor '{RestrictedUnpickler.Printable(name)}' makes no sense");
            }

            // Checked arithmetic: a wrapped product must not pass for a small tensor.
            long count = 1, last = tensor.Offset, rowMajor = 1;
            bool contiguous = true;
            checked
            {
                for (int d = tensor.Size.Length - 1; d >= 0; d--)
                {
                    count *= tensor.Size[d];
                    last += Math.Max(tensor.Size[d] - 1, 0) * tensor.Stride[d];
                    contiguous &= tensor.Size[d] == 1 || tensor.Stride[d] == rowMajor;
                    rowMajor *= tensor.Size[d];
                }
            }

            if (tensor.Offset < 0 || count > storage.Count || (count > 0 && last >= storage.Count))
            {
                throw new InvalidDataException($"its tensor '{RestrictedUnpickler.Printable(name)}' [{string.Join(", ", tensor.Size)}] reaches beyond its "
                    + $"storage of {storage.Count} elements");
            }

            int size = ElementSize(storage.Type);
            ReadOnlyMemory<byte> data = count == 0 ? ReadOnlyMemory<byte>.Empty
                : contiguous ? bytes.AsMemory((int)tensor.Offset * size, (int)count * size)
                : Gather(tensor, bytes, (int)count, size);
            return new(tensor.Size, storage.Type, data);
        }

        private byte[] Gather(PickledTensor tensor, byte[] bytes, int count, int size)
        {
            byte[] data = new byte[Claim((long)count * size)];
            long[] index = new long[tensor.Size.Length];
            long source = tensor.Offset;
            for (int i = 0; i < count; i++)
            {
                bytes.AsSpan((int)source * size, size).CopyTo(data.AsSpan(i * size));
                for (int d = index.Length - 1; d >= 0; d--)
                {
                    source += tensor.Stride[d];
                    if (++index[d] < tensor.Size[d])
                    {
                        break;
                    }

                    source -= tensor.Stride[d] * tensor.Size[d];
                    index[d] = 0;
                }
            }

            return data;
        }

        private (PickledStorage Storage, byte[] Bytes) Load(PickledStorage storage)
        {
            if (!_storages.TryGetValue(storage.Key, out var loaded))
            {
                ZipArchiveEntry entry = archive.GetEntry($"{_root}data/{storage.Key}")
                    ?? throw new InvalidDataException($"its storage {RestrictedUnpickler.Printable(storage.Key)} is missing. Is the download complete?");
                if (storage.Count > entry.Length || storage.Count * ElementSize(storage.Type) != entry.Length)
                {
                    throw new InvalidDataException($"its storage {RestrictedUnpickler.Printable(storage.Key)} has {entry.Length} bytes, not {storage.Count} "
                        + $"elements of {storage.Type}");
                }

                loaded = (storage, ReadEntry(entry));
                _storages.Add(storage.Key, loaded);
            }

            return loaded;
        }

        private byte[] ReadEntry(ZipArchiveEntry entry)
        {
            // torch.save stores its entries; a compressed one may be a bomb.
            if (entry.CompressedLength != entry.Length)
            {
                throw new InvalidDataException($"its entry {entry.Name} is compressed, which torch.save does not do");
            }

            byte[] bytes = new byte[Claim(entry.Length)];
            using Stream stream = entry.Open();
            stream.ReadExactly(bytes);
            return bytes;
        }

        /// <summary>Entries may overlap and views repeat each other: twice the file is what honest files stay below.</summary>
        private int Claim(long bytes)
        {
            if (bytes < 0 || bytes > Array.MaxLength || bytes > 2 * fileLength - _allocated)
            {
                throw new InvalidDataException($"it claims to hold more than its {fileLength} bytes can");
            }

            _allocated += bytes;
            return (int)bytes;
        }

        private static int ElementSize(ScalarType type) => type switch
        {
            ScalarType.Float64 or ScalarType.Int64 => 8,
            ScalarType.Float32 or ScalarType.Int32 => 4,
            ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Int16 => 2,
            _ => 1,
        };
    }
}
