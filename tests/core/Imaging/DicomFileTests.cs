using System.Buffers.Binary;
using System.Text;
using CsCheck;
using Lentigo.Core.Imaging;
using NetVips;

namespace Lentigo.Core.Tests.Imaging;

public class DicomFileTests
{
    private const string Implicit = "1.2.840.10008.1.2", Explicit = "1.2.840.10008.1.2.1", Baseline = "1.2.840.10008.1.2.4.50";
    private static readonly byte[] Jpeg = JpegFile(), Pixels = Gradient();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void The_frame_of_a_JPEG_is_decoded_as_the_JPEG_itself_whatever_its_fragments(int fragments)
    {
        byte[] file = File(Baseline, [.. Description("YBR_FULL_422"), .. Encapsulated(Jpeg, fragments)]);
        Assert.Equal(LesionImage.Decode(Jpeg, 16, new()), LesionImage.Decode(file, 16, new()));
        Assert.Equal(LesionPicture.Copy(Jpeg, 20, new(), TestContext.Current.CancellationToken),
            LesionPicture.Copy(file, 20, new(), TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(Explicit, 0)]
    [InlineData(Explicit, 1)]
    [InlineData(Implicit, 0)]
    public void Uncompressed_colours_are_taken_in_either_order_and_representation(string syntax, int planar)
    {
        byte[] stored = planar == 0 ? Pixels : [.. Enumerable.Range(0, 3).SelectMany(c => Pixels.Where((_, i) => i % 3 == c))];
        bool isExplicit = syntax == Explicit;
        byte[] file = File(syntax, [.. Description("RGB", planar, isExplicit), .. Element(0x7fe0_0010, "OW", stored, isExplicit)]);
        Assert.Equal(LesionImage.Resize(Pixels, 32, 24, 16), LesionImage.Decode(file, 16, new()));
    }

    [Fact]
    public void Grey_is_taken()
    {
        byte[] grey = [.. Pixels.Where((_, i) => i % 3 == 0)], rgb = [.. grey.SelectMany(g => new[] { g, g, g })];
        byte[] file = File(Explicit, [.. Description("MONOCHROME2"), .. Element(0x7fe0_0010, "OB", grey)]);
        Assert.Equal(LesionImage.Resize(rgb, 32, 24, 16), LesionImage.Decode(file, 16, new()));
    }

    [Fact]
    public void A_JPEG_of_RGB_colours_that_does_not_say_so_is_not_taken_for_YCbCr()
    {
        using Image image = Image.NewFromMemoryCopy(Pixels, 32, 24, 3, Enums.BandFormat.Uchar);
        using Image asIfYcc = image.Copy(interpretation: Enums.Interpretation.Srgb);
        byte[] jpeg = asIfYcc.JpegsaveBuffer(q: 95, keep: Enums.ForeignKeep.None);
        byte[] bare = WithoutMarkers(jpeg);
        byte[] file = File(Baseline, [.. Description("RGB"), .. Encapsulated(bare, 1)]);
        byte[] marked = DicomFile.PictureOf(file, new());
        Assert.Equal([0xff, 0xd8, 0xff, 0xee, 0, 14, .. "Adobe"u8], marked[..11]);
        Assert.NotEqual(LesionImage.Decode(bare, 16, new()), LesionImage.Decode(file, 16, new()));
        Assert.Equal(bare, DicomFile.PictureOf(File(Baseline, [.. Description("YBR_FULL_422"), .. Encapsulated(bare, 1)]), new()));
    }

    [Fact]
    public void Sequences_of_undefined_length_and_a_thumbnail_in_them_are_skipped()
    {
        byte[] thumbnail = Element(0x7fe0_0010, "OB", [1, 2, 3, 4]);
        byte[] item = [0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff, .. thumbnail, 0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0];
        byte[] sequence = [0x88, 0, 0, 2, .. "SQ"u8, 0, 0, 0xff, 0xff, 0xff, 0xff, .. item, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0];
        byte[] file = File(Baseline, [.. Element(0x0010_0010, "PN", "Doe^Jane"u8.ToArray()), .. Description("YBR_FULL_422"), .. sequence,
            .. Encapsulated(Jpeg, 1)]);
        Assert.Equal(Jpeg, DicomFile.PictureOf(file, new()));
    }

    [Theory]
    [InlineData("1.2.840.10008.1.2.4.90", "JPEG 2000")]
    [InlineData("1.2.840.10008.1.2.4.201", "high-throughput JPEG 2000")]
    [InlineData("1.2.840.10008.1.2.4.80", "JPEG-LS")]
    [InlineData("1.2.840.10008.1.2.4.70", "lossless JPEG")]
    [InlineData("1.2.840.10008.1.2.4.100", "video")]
    [InlineData("1.2.840.10008.1.2.5", "run-length encoding")]
    [InlineData("1.2.840.10008.1.2.1.99", "deflated")]
    [InlineData("1.2.840.10008.1.2.2", "big-endian")]
    [InlineData("1.2.3", "'1.2.3' is unknown")]
    public void Other_transfer_syntaxes_are_refused_by_name(string syntax, string name) =>
        AssertRefused(ImageRejection.Unsupported, name, File(syntax, [.. Description("RGB"), .. Encapsulated(Jpeg, 1)]));

    [Fact]
    public void What_is_no_single_picture_is_refused_with_the_reason()
    {
        byte[] frames = Element(0x0028_0008, "IS", "2 "u8.ToArray());
        AssertRefused(ImageRejection.Unsupported, "several frames", File(Baseline, [.. frames, .. Description("YBR_FULL"), .. Encapsulated(Jpeg, 2)]));
        AssertRefused(ImageRejection.Unsupported, "no image", File(Baseline, Description("YBR_FULL")));
        AssertRefused(ImageRejection.Unsupported, "8-bit PALETTE COLOR",
            File(Explicit, [.. Description("PALETTE COLOR"), .. Element(0x7fe0_0010, "OB", Pixels)]));
        AssertRefused(ImageRejection.Unreadable, "fewer pixels", File(Explicit, [.. Description("RGB"), .. Element(0x7fe0_0010, "OB", Pixels[..100])]));
        AssertRefused(ImageRejection.Unreadable, "not JPEG", File(Baseline, [.. Description("RGB"), .. Encapsulated("no JPEG here"u8.ToArray(), 1)]));
        AssertRefused(ImageRejection.Unreadable, "not fragmented", File(Baseline, [.. Description("RGB"), .. Element(0x7fe0_0010, "OB", Jpeg)]));
        AssertRefused(ImageRejection.TooManyPixels, "32 x 24", File(Explicit, [.. Description("RGB"), .. Element(0x7fe0_0010, "OB", Pixels)]),
            new() { MaxPixels = 100 });
    }

    [Fact]
    public void Cut_off_anywhere_it_is_refused_and_names_of_the_header_are_never_told()
    {
        byte[] file = File(Baseline, [.. Element(0x0010_0010, "PN", "Doe^Jane"u8.ToArray()), .. Description("YBR_FULL_422"), .. Encapsulated(Jpeg, 2)]);
        for (int length = 132; length < file.Length - 8; length++)
        {
            ImageRejectedException refused = Assert.Throws<ImageRejectedException>(() => LesionImage.Decode(file[..length], 8, new()));
            Assert.DoesNotContain("Jane", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Any_bytes_after_the_preamble_are_a_picture_or_refused()
    {
        byte[] good = File(Baseline, [.. Description("RGB"), .. Encapsulated(Jpeg, 2)]);
        Gen.Select(Gen.Int[132, good.Length - 1], Gen.Byte).Array[1, 8].Sample(changes =>
        {
            byte[] file = [.. good];
            foreach ((int at, byte value) in changes)
            {
                file[at] = value;
            }

            AssertPictureOrRefused(file);
        });
        Gen.Byte.Array[0, 300].Sample(bytes => AssertPictureOrRefused([.. new byte[128], .. "DICM"u8, .. bytes]));
    }

    private static void AssertPictureOrRefused(byte[] file)
    {
        try
        {
            Assert.NotEmpty(DicomFile.PictureOf(file, new()));
        }
        catch (ImageRejectedException e)
        {
            Assert.StartsWith("The DICOM file cannot be ", e.Message, StringComparison.Ordinal);
        }
    }

    private static void AssertRefused(ImageRejection reason, string words, byte[] file, ImageLimits? limits = null)
    {
        ImageRejectedException refused = Assert.Throws<ImageRejectedException>(() => LesionImage.Decode(file, 8, limits ?? new()));
        Assert.Equal(reason, refused.Reason);
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
        Assert.EndsWith(".", refused.Message, StringComparison.Ordinal);
    }

    private static byte[] File(string syntax, byte[] dataSet) =>
        [.. new byte[128], .. "DICM"u8, .. Element(0x0002_0010, "UI", Encoding.ASCII.GetBytes(syntax.Length % 2 == 0 ? syntax : syntax + "\0")), .. dataSet];

    private static byte[] Description(string photometric, int planar = 0, bool isExplicit = true) =>
    [
        .. Element(0x0028_0002, "US", Short(photometric == "MONOCHROME2" || photometric.StartsWith("PALETTE", StringComparison.Ordinal) ? 1 : 3), isExplicit),
        .. Element(0x0028_0004, "CS", Encoding.ASCII.GetBytes(photometric.Length % 2 == 0 ? photometric : photometric + " "), isExplicit),
        .. Element(0x0028_0006, "US", Short(planar), isExplicit),
        .. Element(0x0028_0010, "US", Short(24), isExplicit),
        .. Element(0x0028_0011, "US", Short(32), isExplicit),
        .. Element(0x0028_0100, "US", Short(8), isExplicit),
    ];

    private static byte[] Element(uint tag, string representation, byte[] value, bool isExplicit = true)
    {
        byte[] header = [.. Short((int)(tag >> 16)), .. Short((int)(tag & 0xffff))];
        return !isExplicit ? [.. header, .. Long(value.Length), .. value]
            : representation is "OB" or "OW" ? [.. header, .. Encoding.ASCII.GetBytes(representation), 0, 0, .. Long(value.Length), .. value]
            : [.. header, .. Encoding.ASCII.GetBytes(representation), .. Short(value.Length), .. value];
    }

    private static byte[] Encapsulated(byte[] frame, int fragments)
    {
        int size = (frame.Length + fragments - 1) / fragments;
        byte[] items = [.. frame.Chunk(size + size % 2).SelectMany(c => (byte[])[0xfe, 0xff, 0x00, 0xe0, .. Long(c.Length), .. c])];
        return [0xe0, 0x7f, 0x10, 0x00, .. "OB"u8, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0, .. items, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0,
            0];
    }

    /// <summary>Without JFIF and other application segments, which come first.</summary>
    private static byte[] WithoutMarkers(byte[] jpeg)
    {
        int at = 2;
        while (jpeg[at + 1] is >= 0xe0 and <= 0xef)
        {
            at += 2 + BinaryPrimitives.ReadUInt16BigEndian(jpeg.AsSpan(at + 2));
        }

        return [.. jpeg.AsSpan(0, 2), .. jpeg.AsSpan(at)];
    }

    private static byte[] Short(int value) => [(byte)value, (byte)(value >> 8)];

    private static byte[] Long(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return bytes;
    }

    private static byte[] Gradient() => [.. Enumerable.Range(0, 32 * 24 * 3).Select(i => (byte)(i % 3 == 0 ? i / 9 : i % 3 == 1 ? 200 - i / 12 : 40 + i % 96))];

    private static byte[] JpegFile()
    {
        using Image image = Image.NewFromMemoryCopy(Gradient(), 32, 24, 3, Enums.BandFormat.Uchar);
        using Image colours = image.Copy(interpretation: Enums.Interpretation.Srgb);
        return colours.JpegsaveBuffer(q: 90);
    }
}
