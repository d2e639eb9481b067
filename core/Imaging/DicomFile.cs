using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Lentigo.Core.Imaging;

/// <summary>
/// Extracts the image from a DICOM file (PS3.10): a single JPEG frame (transfer syntaxes 1.2.840.10008.1.2.4.50 and .51), as dermatoscopes send it in VL
/// Photographic or Dermoscopic Photography objects, or uncompressed 8-bit RGB or grayscale. Only the attributes that describe the pixels are read; names, dates
/// and all others are skipped.
/// </summary>
/// <remarks>A custom parser, because full DICOM libraries bring codecs and dictionaries of several megabytes for these few attributes.</remarks>
public static class DicomFile
{
    private const int Preamble = 128, MaxDepth = 16;
    private const uint UndefinedLength = 0xffffffff;
    private const uint TransferSyntax = 0x0002_0010, SamplesPerPixel = 0x0028_0002, Photometric = 0x0028_0004, PlanarConfiguration = 0x0028_0006, NumberOfFrames = 0x0028_0008,
        Rows = 0x0028_0010, Columns = 0x0028_0011, BitsAllocated = 0x0028_0100, PixelData = 0x7fe0_0010, Item = 0xfffe_e000, ItemEnd = 0xfffe_e00d, SequenceEnd = 0xfffe_e0dd;

    private const string ImplicitLittleEndian = "1.2.840.10008.1.2", ExplicitLittleEndian = "1.2.840.10008.1.2.1", JpegBaseline = "1.2.840.10008.1.2.4.50", JpegExtended = "1.2.840.10008.1.2.4.51";

    /// <summary>Value representations with a four-byte length field (PS3.5, section 7.1.2).</summary>
    private static readonly string[] LongForms = ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"];

    /// <summary>Names of the unsupported transfer syntaxes of PS3.6, table A-1, by UID prefix; the longest matching prefix wins.</summary>
    private static readonly (string Uid, string Name)[] OtherSyntaxes =
    [
        ("1.2.840.10008.1.2.4.110", "JPEG XL"), ("1.2.840.10008.1.2.4.111", "JPEG XL"), ("1.2.840.10008.1.2.4.112", "JPEG XL"), ("1.2.840.10008.1.2.4.20", "high-throughput JPEG 2000"),
        ("1.2.840.10008.1.2.1.99", "deflated"), ("1.2.840.10008.1.2.2", "big-endian"), ("1.2.840.10008.1.2.4.57", "lossless JPEG"),
        ("1.2.840.10008.1.2.4.70", "lossless JPEG"), ("1.2.840.10008.1.2.4.8", "JPEG-LS"), ("1.2.840.10008.1.2.4.9", "JPEG 2000"), ("1.2.840.10008.1.2.4.10", "video"),
        ("1.2.840.10008.1.2.5", "run-length encoding"),
    ];

    /// <summary>Whether a file is DICOM: it has 'DICM' after the preamble.</summary>
    public static bool IsDicom(ReadOnlySpan<byte> file) => file.Length >= Preamble + 4 && file.Slice(Preamble, 4).SequenceEqual("DICM"u8);

    /// <summary>Returns the image of a DICOM file as a JPEG or TIFF file; returns any other file unchanged.</summary>
    /// <exception cref="ImageRejectedException">The file contains no supported image; the message says why.</exception>
    public static byte[] PictureOf(byte[] file, ImageLimits limits)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (!IsDicom(file))
        {
            return file;
        }

        try
        {
            return new Reader(file, limits).Picture();
        }
        catch (EndOfStreamException)
        {
            throw ImageRejectedException.UnreadableDicom("it is truncated. Send the complete file.");
        }
    }

    private sealed class Reader(byte[] file, ImageLimits limits)
    {
        private readonly Dictionary<uint, (int Start, int Length)> values = [];
        private int at = Preamble + 4;

        public byte[] Picture()
        {
            ReadElements(isExplicit: true, file.Length, depth: 0, meta: true);
            string syntax = Text(TransferSyntax);
            if (syntax is not (ImplicitLittleEndian or ExplicitLittleEndian or JpegBaseline or JpegExtended))
            {
                string? name = OtherSyntaxes.Where(s => syntax.StartsWith(s.Uid, StringComparison.Ordinal)).OrderByDescending(s => s.Uid.Length).FirstOrDefault().Name;
                throw ImageRejectedException.UnsupportedDicom(name is null ? $"its transfer syntax '{Printable(syntax)}' is unknown" : $"its transfer syntax ({name}) is not supported");
            }

            bool isEncapsulated = syntax is JpegBaseline or JpegExtended;
            uint length = ReadElements(syntax != ImplicitLittleEndian, file.Length, depth: 0, meta: false)
                ?? throw ImageRejectedException.UnsupportedDicom("it contains no image");
            if (values.ContainsKey(NumberOfFrames) && (!int.TryParse(Text(NumberOfFrames), CultureInfo.InvariantCulture, out int frames) || frames != 1))
            {
                throw ImageRejectedException.UnsupportedDicom("it contains several frames");
            }

            return isEncapsulated ? WithColours(Fragments(length)) : Uncompressed(length);
        }

        /// <summary>Reads elements up to the pixel data and records the position and length of the top-level values.</summary>
        /// <param name="isExplicit">Whether elements state their value representation.</param>
        /// <param name="end">The offset to stop at.</param>
        /// <param name="depth">The nesting depth of sequences; 0 is the top level.</param>
        /// <param name="meta">Whether to stop before the first element that is not file meta information (group 0002).</param>
        /// <returns>The length of the pixel data, at whose start reading stops; null if there is none.</returns>
        private uint? ReadElements(bool isExplicit, int end, int depth, bool meta)
        {
            while (at < end)
            {
                int start = at;
                uint tag = Tag();
                if (meta && tag >> 16 != 2)
                {
                    at = start;
                    return null;
                }

                if (tag is ItemEnd or SequenceEnd)
                {
                    Skip(4);
                    return null;
                }

                (string representation, uint length) = Header(isExplicit);
                if (depth == 0 && tag == PixelData)
                {
                    return length;
                }

                if (representation == "SQ" || length == UndefinedLength)
                {
                    SkipSequence(isExplicit && representation != "UN", length, depth + 1); // UN of undefined length is implicit VR (PS3.5, section 6.2.2)
                    continue;
                }

                if (depth == 0)
                {
                    values[tag] = (at, (int)Math.Min(length, int.MaxValue));
                }

                Skip(length);
            }

            return null;
        }

        private void SkipSequence(bool isExplicit, uint length, int depth)
        {
            if (depth > MaxDepth)
            {
                throw ImageRejectedException.UnreadableDicom("its sequences are nested too deeply. Export it again.");
            }

            if (length != UndefinedLength)
            {
                Skip(length);
                return;
            }

            while (true)
            {
                uint tag = Tag(), itemLength = Number32();
                switch (tag)
                {
                    case SequenceEnd:
                        return;
                    case Item when itemLength == UndefinedLength:
                        ReadElements(isExplicit, file.Length, depth, meta: false);
                        break;
                    case Item:
                        Skip(itemLength);
                        break;
                    default:
                        throw ImageRejectedException.UnreadableDicom("a sequence in it is malformed. Export it again.");
                }
            }
        }

        private (string Representation, uint Length) Header(bool isExplicit)
        {
            if (!isExplicit)
            {
                return ("", Number32());
            }

            string representation = Encoding.ASCII.GetString(Take(2));
            if (!LongForms.Contains(representation))
            {
                return (representation, BinaryPrimitives.ReadUInt16LittleEndian(Take(2)));
            }

            Skip(2);
            return (representation, Number32());
        }

        /// <summary>Joins the fragments of the single frame (PS3.5, section A.4); the first item is the basic offset table.</summary>
        private byte[] Fragments(uint length)
        {
            if (length != UndefinedLength)
            {
                throw ImageRejectedException.UnreadableDicom("its compressed pixel data is not fragmented. Export it again.");
            }

            using MemoryStream frame = new();
            for (bool isTable = true; ; isTable = false)
            {
                uint tag = Tag(), fragment = Number32();
                if (tag == SequenceEnd)
                {
                    return frame.Length > 0 ? frame.ToArray() : throw ImageRejectedException.UnsupportedDicom("it contains no image");
                }

                if (tag != Item || fragment == UndefinedLength)
                {
                    throw ImageRejectedException.UnreadableDicom("its compressed pixel data is malformed. Export it again.");
                }

                ReadOnlySpan<byte> content = Take(fragment);
                if (!isTable)
                {
                    frame.Write(content);
                }
            }
        }

        /// <summary>
        /// Inserts an Adobe marker (ITU-T T.872, section 6.5.3) into an RGB JPEG that does not state its color space; without it, decoders assume YCbCr.
        /// </summary>
        private byte[] WithColours(byte[] jpeg)
        {
            if (ImageFileFormats.Sniff(jpeg) != ImageFileFormat.Jpeg)
            {
                throw ImageRejectedException.UnreadableDicom("its pixel data is not JPEG as its header states. Export it again.");
            }

            bool saysColours = jpeg.Length > 3 && jpeg[3] is 0xe0 or 0xee; // a JFIF or Adobe marker comes first
            return Text(Photometric) == "RGB" && !saysColours
                ? [0xff, 0xd8, 0xff, 0xee, 0, 14, .. "Adobe"u8, 0, 100, 0, 0, 0, 0, 0, .. jpeg.AsSpan(2)]
                : jpeg;
        }

        private byte[] Uncompressed(uint length)
        {
            int width = Number(Columns), height = Number(Rows), samples = Number(SamplesPerPixel);
            string photometric = Text(Photometric);
            if (Number(BitsAllocated) != 8 || (photometric, samples) is not (("RGB", 3) or ("MONOCHROME2", 1)))
            {
                throw ImageRejectedException.UnsupportedDicom($"its uncompressed pixels are not 8-bit RGB or MONOCHROME2 but {Number(BitsAllocated)}-bit {Printable(photometric)}");
            }

            if ((long)width * height > limits.MaxPixels)
            {
                throw ImageRejectedException.TooManyPixels(width, height, limits.MaxPixels);
            }

            long size = (long)width * height * samples;
            if (size == 0 || length == UndefinedLength || length < size)
            {
                throw ImageRejectedException.UnreadableDicom("it has fewer pixels than its header states. Export it again.");
            }

            byte[] pixels = Take((uint)size).ToArray();
            if (samples == 3 && values.ContainsKey(PlanarConfiguration) && Number(PlanarConfiguration) == 1)
            {
                byte[] planes = pixels;
                pixels = new byte[size];
                for (int i = 0, plane = width * height; i < plane; i++)
                {
                    (pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]) = (planes[i], planes[plane + i], planes[2 * plane + i]);
                }
            }

            return UncompressedTiff.Write(pixels, width, height, samples);
        }

        private int Number(uint tag) => values.TryGetValue(tag, out (int Start, int Length) value) && value.Length >= 2
            ? BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(value.Start))
            : throw ImageRejectedException.UnreadableDicom("its header does not describe its pixels. Export it again.");

        private string Text(uint tag) =>
            values.TryGetValue(tag, out (int Start, int Length) value) ? Encoding.ASCII.GetString(file, value.Start, value.Length).TrimEnd('\0', ' ').TrimStart() : "";

        /// <summary>Returns header text that is safe to put in a message: at most 64 characters, and only those that occur in codes and UIDs.</summary>
        private static string Printable(string text) => string.Concat(text.Take(64).Where(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or ' '));

        private uint Tag()
        {
            ReadOnlySpan<byte> tag = Take(4);
            return ((uint)BinaryPrimitives.ReadUInt16LittleEndian(tag) << 16) | BinaryPrimitives.ReadUInt16LittleEndian(tag[2..]);
        }

        private uint Number32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

        private void Skip(uint length) => Take(length);

        private ReadOnlySpan<byte> Take(uint length)
        {
            if (length > file.Length - at)
            {
                throw new EndOfStreamException();
            }

            at += (int)length;
            return file.AsSpan(at - (int)length, (int)length);
        }
    }
}
