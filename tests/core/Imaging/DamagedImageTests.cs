using Lentigo.Core.Imaging;
using NetVips;

namespace Lentigo.Core.Tests.Imaging;

/// <summary>A file that is not whole gets no answer, whatever its end looks like.</summary>
public class DamagedImageTests
{
    private const int Width = 320, Height = 240, Side = 32;
    private static readonly byte[] EndOfImage = [0xff, 0xd9];

    public static TheoryData<bool, bool> Jpegs => new() { { false, false }, { false, true }, { true, false }, { true, true } };

    [Theory]
    [MemberData(nameof(Jpegs))]
    public void A_jpeg_cut_off_before_an_end_of_image_marker_is_refused(bool progressive, bool subsampled)
    {
        byte[] file = Jpeg(progressive, subsampled);
        Assert.Equal(Side * Side * 3, LesionImage.Decode(file, Side, new()).Length);
        int[] kept = [file.Length / 3, file.Length / 2, file.Length * 9 / 10, file.Length - 60, file.Length - 16];
        foreach (int length in kept)
        {
            AssertUnreadable([.. file[..length], .. EndOfImage]);
            AssertUnreadable(file[..length]);
        }
    }

    [Fact]
    public void A_jpeg_cut_off_within_its_last_rows_is_refused_on_every_thread()
    {
        byte[] file = Jpeg(progressive: false, subsampled: true), cut = [.. file[..^40], .. EndOfImage];
        Parallel.For(0, 64, i =>
        {
            if (i % 2 == 0)
            {
                Assert.Equal(Side * Side * 3, LesionImage.Decode(file, Side, new()).Length);
            }
            else
            {
                AssertUnreadable(cut);
            }
        });
    }

    [Fact]
    public void The_end_of_image_marker_of_an_embedded_thumbnail_does_not_count()
    {
        using Image small = Noise(40, 30);
        byte[] thumbnail = small.JpegsaveBuffer(), file = Jpeg(progressive: false, subsampled: true);
        int length = 2 + 6 + thumbnail.Length;
        byte[] segment = [0xff, 0xe1, (byte)(length >> 8), (byte)length, .. "Exif\0\0"u8, .. thumbnail];
        byte[] whole = [.. file[..2], .. segment, .. file[2..]];
        Assert.Equal(LesionImage.Decode(file, Side, new()), LesionImage.Decode(whole, Side, new()));
        AssertUnreadable(whole[..(whole.Length / 2)]);
    }

    [Fact]
    public void Bytes_after_the_end_are_ignored()
    {
        using Image picture = Noise(Width, Height);
        byte[] jpeg = Jpeg(progressive: false, subsampled: true);
        foreach (byte[] file in new[] { jpeg, picture.PngsaveBuffer(), picture.WebpsaveBuffer(lossless: true), picture.TiffsaveBuffer() })
        {
            // Phones append a gain map, itself a JPEG.
            Assert.Equal(LesionImage.Decode(file, Side, new()), LesionImage.Decode([.. file, .. jpeg], Side, new()));
        }
    }

    [Theory]
    [MemberData(nameof(Jpegs))]
    public void Padding_before_a_marker_of_a_whole_jpeg_does_no_harm(bool progressive, bool subsampled)
    {
        // Some cameras write a few bytes more than the image data before the end, or fill bytes before markers (ITU-T T.81, B.1.1.2).
        byte[] file = Jpeg(progressive, subsampled), expected = LesionImage.Decode(file, Side, new());
        Assert.Equal(expected, LesionImage.Decode([.. file[..^2], 0, 0, 0, .. EndOfImage], Side, new()));
        Assert.Equal(expected, LesionImage.Decode([.. file[..^2], 0xff, 0xff, .. EndOfImage], Side, new()));
        Assert.Equal(expected, LesionImage.Decode([.. file[..2], 0xff, 0xff, .. file[2..]], Side, new()));
    }

    [Theory]
    [InlineData(Enums.ForeignTiffCompression.Jpeg)]
    [InlineData(Enums.ForeignTiffCompression.Lzw)]
    [InlineData(Enums.ForeignTiffCompression.Deflate)]
    [InlineData(Enums.ForeignTiffCompression.None)]
    public void A_tiff_without_its_last_data_is_refused(Enums.ForeignTiffCompression compression)
    {
        using Image picture = Noise(Width, Height);
        byte[] file = picture.TiffsaveBuffer(compression: compression, q: 90);
        AssertUnreadable(file[..(file.Length * 3 / 4)]);
    }

    [Fact]
    public void The_data_of_a_strip_of_jpeg_in_a_tiff_may_not_end_early()
    {
        using Image picture = Noise(Width, Height);
        byte[] file = picture.TiffsaveBuffer(compression: Enums.ForeignTiffCompression.Jpeg, q: 90);
        ReadOnlySpan<byte> bytes = file;
        int scan = bytes.IndexOf((ReadOnlySpan<byte>)[0xff, 0xda]), end = scan + bytes[scan..].IndexOf(EndOfImage);
        byte[] cut = [.. file];
        int at = end - ((end - scan) / 3);
        cut.AsSpan(at..end).Clear();
        EndOfImage.CopyTo(cut, at);
        AssertUnreadable(cut);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_png_without_its_last_data_is_refused(bool interlaced)
    {
        using Image picture = Noise(Width, Height);
        byte[] file = picture.PngsaveBuffer(interlace: interlaced);
        AssertUnreadable(file[..(file.Length * 9 / 10)]);
    }

    [Fact]
    public void Decoding_stops_when_it_is_cancelled()
    {
        using CancellationTokenSource gone = new();
        gone.Cancel();
        Assert.Throws<OperationCanceledException>(() => LesionImage.Read(Jpeg(progressive: false, subsampled: true), Side, new(), gone.Token));
    }

    private static void AssertUnreadable(byte[] file) =>
        Assert.Equal(ImageRejection.Unreadable, Assert.Throws<ImageRejectedException>(() => LesionImage.Decode(file, Side, new())).Reason);

    private static byte[] Jpeg(bool progressive, bool subsampled)
    {
        using Image picture = Noise(Width, Height);
        return picture.JpegsaveBuffer(q: 90, interlace: progressive, subsampleMode: subsampled ? Enums.ForeignSubsample.On : Enums.ForeignSubsample.Off);
    }

    private static Image Noise(int width, int height)
    {
        byte[] pixels = new byte[width * height * 3];
        new Random(1).NextBytes(pixels);
        return Image.NewFromMemoryCopy(pixels, width, height, 3, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
    }
}
