using System.Buffers.Binary;
using System.Text;
using static TorchSharp.torch;

namespace Lentigo.Training.Weights;

/// <summary>
/// Reads the pickle (protocol 2; Python's <c>pickletools</c> documents each instruction) of a PyTorch state dict as plain data. A pickle is a
/// program that may import and call anything; this machine knows only tensors, their storages, ordered dictionaries and literals, calls nothing,
/// and refuses every other name or instruction. Its memory is bounded by the pickle's length, and it never recurses.
/// </summary>
internal sealed class RestrictedUnpickler
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static readonly Dictionary<string, object> PermittedGlobals = new()
    {
        ["collections.OrderedDict"] = Callable.OrderedDictionary,
        ["torch._utils._rebuild_tensor_v2"] = Callable.RebuildTensor,
        ["torch._utils._rebuild_parameter"] = Callable.RebuildParameter,
        ["torch.FloatStorage"] = ScalarType.Float32,
        ["torch.DoubleStorage"] = ScalarType.Float64,
        ["torch.HalfStorage"] = ScalarType.Float16,
        ["torch.BFloat16Storage"] = ScalarType.BFloat16,
        ["torch.LongStorage"] = ScalarType.Int64,
        ["torch.IntStorage"] = ScalarType.Int32,
        ["torch.ShortStorage"] = ScalarType.Int16,
        ["torch.CharStorage"] = ScalarType.Int8,
        ["torch.ByteStorage"] = ScalarType.Byte,
        ["torch.BoolStorage"] = ScalarType.Bool,
    };

    // What training scripts keep beside weights: read as empty dictionaries, since nothing of it is needed.
    private static readonly HashSet<string> IgnoredGlobals =
    [
        "argparse.Namespace", "collections.defaultdict", "builtins.dict", "builtins.set", "__builtin__.set", "datetime.timedelta", "datetime.datetime",
        "pathlib.PosixPath", "pathlib.PurePosixPath", "pathlib.WindowsPath",
        "numpy.dtype", "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "_codecs.encode", "torch.device", "torch.Size",
        "lightning.fabric.utilities.data.AttributeDict", "lightning_fabric.utilities.data.AttributeDict", "pytorch_lightning.utilities.parsing.AttributeDict",
        "lightning.pytorch.utilities.parsing.AttributeDict",
    ];

    private readonly byte[] _pickle;
    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<uint, object?> _memo = [];
    private int _position;

    private RestrictedUnpickler(byte[] pickle) => _pickle = pickle;

    private enum Callable
    {
        OrderedDictionary,
        RebuildTensor,
        RebuildParameter,
        Ignored,
    }

    /// <summary>
    /// The object that the pickle describes: null, <see cref="bool"/>, <see cref="long"/>, <see cref="double"/>, <see cref="string"/>, a tuple as
    /// <c>object?[]</c>, a list, a <see cref="PickledDictionary"/> or a <see cref="PickledTensor"/>.
    /// </summary>
    /// <exception cref="InvalidDataException">The pickle is damaged, or holds anything but tensors and plain data.</exception>
    public static object? Load(byte[] pickle) => new RestrictedUnpickler(pickle).Run();

    /// <summary>A name out of a file for a message: neither a terminal's control codes nor a megabyte of text may reach the console.</summary>
    internal static string Printable(string name) => string.Concat(name.Take(100).Select(c => char.IsControl(c) ? '?' : c));

    private object? Run()
    {
        while (true)
        {
            byte instruction = ReadByte();
            switch (instruction)
            {
                case 0x80: // PROTO
                    byte protocol = ReadByte();
                    if (protocol is not (2 or 3))
                    {
                        throw new InvalidDataException($"its pickle has protocol {protocol}, where torch.save writes 2");
                    }

                    break;
                case (byte)'.': // STOP
                    return Pop();
                case (byte)'(': // MARK
                    _marks.Add(_stack.Count);
                    break;
                case (byte)'0': // POP
                    Pop();
                    break;
                case (byte)'N': // NONE
                    _stack.Add(null);
                    break;
                case 0x88: // NEWTRUE
                    _stack.Add(true);
                    break;
                case 0x89: // NEWFALSE
                    _stack.Add(false);
                    break;
                case (byte)'K': // BININT1
                    _stack.Add((long)ReadByte());
                    break;
                case (byte)'M': // BININT2
                    _stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Read(2)));
                    break;
                case (byte)'J': // BININT
                    _stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Read(4)));
                    break;
                case 0x8a: // LONG1
                    _stack.Add(ReadLong(ReadByte()));
                    break;
                case (byte)'G': // BINFLOAT
                    _stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Read(8)));
                    break;
                case (byte)'X': // BINUNICODE
                    _stack.Add(ReadText(ReadLength()));
                    break;
                case (byte)'U': // SHORT_BINSTRING: Python 2's str
                    _stack.Add(ReadText(ReadByte()));
                    break;
                case (byte)')': // EMPTY_TUPLE
                    _stack.Add(Array.Empty<object?>());
                    break;
                case 0x85: // TUPLE1
                    _stack.Add(PopMany(1));
                    break;
                case 0x86: // TUPLE2
                    _stack.Add(PopMany(2));
                    break;
                case 0x87: // TUPLE3
                    _stack.Add(PopMany(3));
                    break;
                case (byte)'t': // TUPLE
                    _stack.Add(PopToMark());
                    break;
                case (byte)']': // EMPTY_LIST
                    _stack.Add(new List<object?>());
                    break;
                case (byte)'l': // LIST
                    _stack.Add(new List<object?>(PopToMark()));
                    break;
                case (byte)'a': // APPEND
                    object? item = Pop();
                    Peek<List<object?>>("a list").Add(item);
                    break;
                case (byte)'e': // APPENDS
                    object?[] items = PopToMark();
                    Peek<List<object?>>("a list").AddRange(items);
                    break;
                case (byte)'}': // EMPTY_DICT
                    _stack.Add(new PickledDictionary());
                    break;
                case (byte)'s': // SETITEM
                    object?[] pair = PopMany(2);
                    Peek<PickledDictionary>("a dictionary").Add(pair[0], pair[1]);
                    break;
                case (byte)'u': // SETITEMS
                    object?[] pairs = PopToMark();
                    PickledDictionary dictionary = Peek<PickledDictionary>("a dictionary");
                    if (pairs.Length % 2 != 0)
                    {
                        throw new InvalidDataException("its pickle sets a dictionary key without a value");
                    }

                    for (int i = 0; i < pairs.Length; i += 2)
                    {
                        dictionary.Add(pairs[i], pairs[i + 1]);
                    }

                    break;
                case (byte)'q': // BINPUT
                    _memo[ReadByte()] = Peek<object>(null);
                    break;
                case (byte)'r': // LONG_BINPUT
                    _memo[BinaryPrimitives.ReadUInt32LittleEndian(Read(4))] = Peek<object>(null);
                    break;
                case (byte)'h': // BINGET
                    _stack.Add(Recall(ReadByte()));
                    break;
                case (byte)'j': // LONG_BINGET
                    _stack.Add(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Read(4))));
                    break;
                case (byte)'c': // GLOBAL
                    string name = $"{ReadLine()}.{ReadLine()}";
                    _stack.Add(PermittedGlobals.TryGetValue(name, out object? permitted)
                        ? permitted
                        : IgnoredGlobals.Contains(name)
                        ? Callable.Ignored
                        : throw new InvalidDataException($"its pickle asks for {Printable(name)}, which is not a tensor: no code of a weights file is ever run"));
                    break;
                case (byte)'Q': // BINPERSID: torch.save's reference to a storage
                    _stack.Add(Storage(Pop()));
                    break;
                case 0x81: // NEWOBJ
                    Pop();
                    _stack.Add(Pop() is Callable.Ignored ? new PickledDictionary() : throw Damaged("makes an object that is no tensor"));
                    break;
                case (byte)'R': // REDUCE
                    object?[] arguments = Pop() as object?[] ?? throw Damaged("calls something without arguments");
                    _stack.Add(Rebuild(Pop(), arguments));
                    break;
                case (byte)'b': // BUILD: a state dict carries its module versions (_metadata) as an attribute, which weights have no use for
                    Pop();
                    Peek<PickledDictionary>("a dictionary");
                    break;
                default:
                    throw new InvalidDataException(
                        $"its pickle has the instruction 0x{instruction:x2} at byte {_position - 1}, which tensors do not need: no code of a weights file is "
                            + "ever run");
            }
        }
    }

    private static object? Rebuild(object? callable, object?[] arguments)
    {
        switch (callable)
        {
            case Callable.Ignored:
                return new PickledDictionary();
            case Callable.OrderedDictionary when arguments.Length == 0:
                return new PickledDictionary();
            // (storage, offset, size, stride, requires_grad, backward_hooks[, metadata])
            case Callable.RebuildTensor when arguments is [PickledStorage storage, long offset, object?[] size, object?[] stride, ..]:
                return new PickledTensor(storage, offset, Sizes(size), Sizes(stride));
            // (data, requires_grad, backward_hooks)
            case Callable.RebuildParameter when arguments is [PickledTensor tensor, ..]:
                return tensor;
            default:
                throw Damaged("describes a tensor in a way that torch.save does not");
        }
    }

    private static PickledStorage Storage(object? id) =>
        // ('storage', type, key, location, number of elements)
        id is object?[] and ["storage", ScalarType type, string key, string, long count] && count >= 0
            ? new(type, key, count)
            : throw Damaged("refers to something that is not a tensor's storage");

    private static long[] Sizes(object?[] values) =>
        [.. values.Select(v => v is long size and >= 0 ? size : throw Damaged("gives a tensor a size that is not a number"))];

    private object? Pop()
    {
        // What lies below the last mark belongs to whoever set the mark.
        if (_stack.Count == 0 || (_marks.Count > 0 && _stack.Count <= _marks[^1]))
        {
            throw Damaged("takes more from its stack than is there");
        }

        object? top = _stack[^1];
        _stack.RemoveAt(_stack.Count - 1);
        return top;
    }

    private object?[] PopMany(int count)
    {
        object?[] items = new object?[count];
        for (int i = count - 1; i >= 0; i--)
        {
            items[i] = Pop();
        }

        return items;
    }

    private object?[] PopToMark()
    {
        if (_marks.Count == 0)
        {
            throw Damaged("has no mark where one is needed");
        }

        int mark = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        object?[] items = [.. _stack.Skip(mark)];
        _stack.RemoveRange(mark, _stack.Count - mark);
        return items;
    }

    private T? Peek<T>() where T : class => _stack.Count == 0 ? throw Damaged("takes more from its stack than is there") : _stack[^1] as T;

    private T Peek<T>(string? what) where T : class =>
        Peek<T>() ?? (what is null ? null! : throw Damaged($"fills something that is not {what}"));

    private object? Recall(uint index) => _memo.TryGetValue(index, out object? value) ? value : throw Damaged($"recalls item {index}, which it never stored");

    private byte ReadByte() => Read(1)[0];

    private ReadOnlySpan<byte> Read(int count)
    {
        if (count > _pickle.Length - _position)
        {
            throw Damaged("ends in the middle");
        }

        ReadOnlySpan<byte> bytes = _pickle.AsSpan(_position, count);
        _position += count;
        return bytes;
    }

    private int ReadLength()
    {
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(Read(4));
        return length <= int.MaxValue ? (int)length : throw Damaged("ends in the middle");
    }

    private long ReadLong(int bytes)
    {
        if (bytes > 8)
        {
            throw Damaged($"has a number of {bytes} bytes");
        }

        long value = 0;
        ReadOnlySpan<byte> digits = Read(bytes);
        for (int i = 0; i < bytes; i++)
        {
            value |= (long)digits[i] << (8 * i);
        }

        // Two's complement: the sign is the last byte's.
        return bytes is 0 or 8 ? value : value << (64 - 8 * bytes) >> (64 - 8 * bytes);
    }

    private string ReadText(int bytes)
    {
        try
        {
            return StrictUtf8.GetString(Read(bytes));
        }
        catch (DecoderFallbackException)
        {
            throw Damaged("has a text that is not UTF-8");
        }
    }

    private string ReadLine()
    {
        int end = _pickle.AsSpan(_position).IndexOf((byte)'\n');
        if (end < 0)
        {
            throw Damaged("ends in the middle");
        }

        string line = ReadText(end);
        _position++;
        return line;
    }

    private static InvalidDataException Damaged(string how) => new($"its pickle is damaged: it {how}");
}

/// <summary>A dictionary of a pickle, in the order of its keys.</summary>
internal sealed class PickledDictionary
{
    private readonly List<KeyValuePair<object?, object?>> _items = [];

    public IReadOnlyList<KeyValuePair<object?, object?>> Items => _items;

    public void Add(object? key, object? value) => _items.Add(new(key, value));
}

/// <summary>A reference to a storage: <paramref name="Count"/> elements in the archive's file <c>data/{Key}</c>.</summary>
internal sealed record PickledStorage(ScalarType Type, string Key, long Count);

/// <summary>A view of a storage; offset and strides in elements.</summary>
internal sealed record PickledTensor(PickledStorage Storage, long Offset, long[] Size, long[] Stride);
