using Lentigo.Core.Imaging;
using NetVips;

namespace Lentigo.Core.Tests.Imaging;

/// <summary>Kinds of files of each format: right, or refused in words.</summary>
public class ImageKindTests
{
    private const int Width = 90, Height = 70, Side = 32, Rgb = 2, Gray = 1, WhiteIsZero = 0, Separated = 5, Unspecified = 0, Associated = 1, Unassociated = 2;
    private static readonly byte[] Picture = Pixels((x, y, c) => (byte)(80 + x + (c * 10) - (c == 1 ? y : 0)));
    private static readonly byte[] Grays = [.. Enumerable.Range(0, Width * Height).Select(i => Picture[3 * i])];
    private static readonly byte[] GrayPicture = [.. Grays.SelectMany(g => new[] { g, g, g })];

    [Fact]
    public void Tiff_of_either_byte_order_in_planes_tiles_and_pages()
    {
        AssertPixels(Picture, TiffFile.Write(Picture, Width, Height, 3, Rgb));
        AssertPixels(Picture, TiffFile.Write(Picture, Width, Height, 3, Rgb, isBig: true));
        AssertPixels(Picture, TiffFile.Write(Picture, Width, Height, 3, Rgb, isPlanar: true));
        AssertPixels(Picture, TiffFile.Write(Picture, Width, Height, 3, Rgb, tile: 16));
        AssertPixels(Picture, TiffFile.Write(Picture, Width, Height, 3, Rgb, pages: 3));
        AssertPixels(Picture, TiffFile.Write([.. Picture.SelectMany(v => new[] { v, v })], Width, Height, 3, Rgb, bits: 16));
        AssertPixels(Picture, TiffFile.Write([.. Picture.SelectMany(v => new byte[] { v, 7 })], Width, Height, 3, Rgb, bits: 16, isBig: true));
        AssertPixels(GrayPicture, TiffFile.Write(Grays, Width, Height, 1, Gray));
        AssertPixels(GrayPicture, TiffFile.Write([.. Grays.Select(g => (byte)(255 - g))], Width, Height, 1, WhiteIsZero));
    }

    [Fact]
    public void A_band_that_nothing_is_said_of_is_ignored()
    {
        AssertPixels(Picture, TiffFile.Write(With(Picture, 3, 0), Width, Height, 4, Rgb, extra: [Unspecified]));
        AssertPixels(Picture, TiffFile.Write(With(Picture, 3, 0), Width, Height, 4, Rgb));
        AssertPixels(GrayPicture, TiffFile.Write(With(Grays, 1, 0), Width, Height, 2, Gray, extra: [Unspecified]));
        AssertPixels(Picture, TiffFile.Write(With(Inks(Picture), 4, 99), Width, Height, 5, Separated, extra: [Unspecified]));
    }

    [Fact]
    public void Opacity_is_laid_on_white_whichever_band_it_is_and_whether_colours_were_multiplied_by_it()
    {
        byte[] halfOnWhite = [.. Picture.Select(v => (byte)Math.Round(((v * 51) + (255 * 204)) / 255.0))];
        byte[] multiplied = [.. Picture.Select(v => (byte)Math.Round(v * 51 / 255.0))];
        AssertPixels(halfOnWhite, TiffFile.Write(With(Picture, 3, 51), Width, Height, 4, Rgb, extra: [Unassociated]));
        AssertPixels(halfOnWhite, TiffFile.Write(With(With(Picture, 3, 0), 4, 51), Width, Height, 5, Rgb, extra: [Unspecified, Unassociated]));
        AssertPixels(halfOnWhite, TiffFile.Write(With(multiplied, 3, 51), Width, Height, 4, Rgb, extra: [Associated]), within: 1);
    }

    [Fact]
    public void Cmyk_tiff_of_8_and_16_bits()
    {
        byte[] inks = Inks(Picture);
        AssertPixels(Picture, TiffFile.Write(inks, Width, Height, 4, Separated));
        AssertPixels(Picture, TiffFile.Write([.. inks.SelectMany(v => new[] { v, v })], Width, Height, 4, Separated, bits: 16));
    }

    [Theory]
    [InlineData(32, 3, "32-bit floating-point")]
    [InlineData(64, 3, "64-bit floating-point")]
    [InlineData(16, 2, "16-bit signed")]
    [InlineData(32, 2, "32-bit signed")]
    [InlineData(32, 1, "32-bit samples")]
    public void Samples_that_are_no_colours_of_8_or_16_bits_are_refused_in_words(int bits, int format, string words)
    {
        foreach ((int bands, int photometric) in new[] { (3, Rgb), (1, Gray) })
        {
            byte[] file = TiffFile.Write(new byte[Width * Height * bands * bits / 8], Width, Height, bands, photometric, bits, format);
            AssertRefused(file, words);
        }
    }

    [Fact]
    public void Colours_that_are_not_read_are_refused_in_words()
    {
        const int lab = 8, yCbCr = 6, oldJpeg = 6;
        AssertRefused(TiffFile.Write(Picture, Width, Height, 3, lab), "not gray, RGB, CMYK");
        AssertRefused(TiffFile.Write(Picture, Width, Height, 3, yCbCr, compression: oldJpeg), "old-style JPEG compression");
    }

    [Fact]
    public void A_profile_that_is_none_for_cmyk_counts_as_no_profile()
    {
        using Image cmyk = Image.NewFromMemoryCopy(Inks(Picture), Width, Height, 4, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Cmyk);
        byte[] cmykProfile = Image.ProfileLoad("cmyk"), wideRgb = Image.ProfileLoad("p3");
        byte[] without = LesionImage.Decode(cmyk.JpegsaveBuffer(q: 95), Side, new());
        Assert.InRange(Difference(LesionImage.Resize(Picture, Width, Height, Side), without).Mean, 0, 2);
        byte[][] useless = ["none"u8.ToArray(), wideRgb, [.. cmykProfile[..128], .. new byte[500]]];
        foreach (byte[] profile in useless)
        {
            using Image tagged = cmyk.Mutate(m => m.Set(GValue.BlobType, "icc-profile-data", profile));
            Assert.InRange(Difference(without, LesionImage.Decode(tagged.JpegsaveBuffer(q: 95), Side, new())).Max, 0, 1);
        }

        using Image profiled = cmyk.Mutate(m => m.Set(GValue.BlobType, "icc-profile-data", cmykProfile));
        using Image expected = profiled.IccTransform("srgb", embedded: true);
        byte[] rgb = LesionImage.Resize(expected.WriteToMemory<byte>(), Width, Height, Side);
        Assert.InRange(Difference(rgb, LesionImage.Decode(profiled.JpegsaveBuffer(q: 100), Side, new())).Mean, 0, 1);
    }

    [Fact]
    public void The_profile_of_an_rgb_image_is_applied()
    {
        using Image picture = Image.NewFromMemoryCopy(Picture, Width, Height, 3, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
        using Image wide = picture.Mutate(m => m.Set(GValue.BlobType, "icc-profile-data", Image.ProfileLoad("p3")));
        using Image expected = wide.IccTransform("srgb", embedded: true);
        AssertPixels(expected.WriteToMemory<byte>(), wide.PngsaveBuffer(), within: 1);
        Assert.NotEqual(LesionImage.Resize(Picture, Width, Height, Side), LesionImage.Decode(wide.PngsaveBuffer(), Side, new()));
        using Image junk = picture.Mutate(m => m.Set(GValue.BlobType, "icc-profile-data", new byte[400]));
        AssertPixels(Picture, junk.TiffsaveBuffer());
    }

    [Fact]
    public void Png_interlaced_of_16_bits_of_a_palette_and_with_opacity()
    {
        using Image picture = Image.NewFromMemoryCopy(Picture, Width, Height, 3, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
        AssertPixels(Picture, picture.PngsaveBuffer(interlace: true));
        AssertPixels(Picture, picture.Colourspace(Enums.Interpretation.Rgb16).PngsaveBuffer());
        byte[] palette = picture.PngsaveBuffer(palette: true, dither: 0);
        using Image shown = Image.PngloadBuffer(palette);
        AssertPixels(shown.WriteToMemory<byte>(), palette);
        byte[] fifthOnWhite = [.. Picture.Select(v => (byte)Math.Round(((v * 51) + (255 * 204)) / 255.0))];
        using Image faint = Image.NewFromMemoryCopy(With(Picture, 3, 51), Width, Height, 4, Enums.BandFormat.Uchar)
            .Copy(interpretation: Enums.Interpretation.Srgb);
        AssertPixels(fifthOnWhite, faint.PngsaveBuffer());
        AssertPixels(fifthOnWhite, faint.WebpsaveBuffer(lossless: true));
    }

    [Fact]
    public void Of_an_animated_webp_the_first_frame_is_taken()
    {
        byte[] negative = [.. Picture.Select(v => (byte)(255 - v))];
        using Image frames = Image.NewFromMemoryCopy([.. Picture, .. negative], Width, 2 * Height, 3, Enums.BandFormat.Uchar)
            .Copy(interpretation: Enums.Interpretation.Srgb);
        AssertPixels(Picture, frames.WebpsaveBuffer(lossless: true, pageHeight: Height));
    }

    [Theory]
    [InlineData(Enums.ForeignSubsample.On)]
    [InlineData(Enums.ForeignSubsample.Off)]
    public void Jpeg_progressive_and_subsampled(Enums.ForeignSubsample subsample)
    {
        using Image picture = Image.NewFromMemoryCopy(Picture, Width, Height, 3, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
        byte[] file = picture.JpegsaveBuffer(q: 90, interlace: true, subsampleMode: subsample);
        using Image shown = Image.JpegloadBuffer(file);
        AssertPixels(shown.WriteToMemory<byte>(), file);
        using Image gray = picture.Colourspace(Enums.Interpretation.Bw);
        byte[] grayFile = gray.JpegsaveBuffer(q: 90);
        using Image shownGray = Image.JpegloadBuffer(grayFile).Colourspace(Enums.Interpretation.Srgb);
        AssertPixels(shownGray.WriteToMemory<byte>(), grayFile);
    }

    [Fact]
    public void Arithmetic_jpeg_is_refused_in_words_because_a_cut_does_not_show()
    {
        using Image picture = Image.NewFromMemoryCopy(Picture, Width, Height, 3, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
        byte[] file = picture.JpegsaveBuffer();
        file[file.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xff, 0xc0]) + 1] = 0xc9;
        AssertRefused(file, "arithmetic coding");
    }

    private static byte[] Pixels(Func<int, int, int, byte> at) =>
        [.. Enumerable.Range(0, Width * Height * 3).Select(i => at(i / 3 % Width, i / 3 / Width, i % 3))];

    private static byte[] With(byte[] pixels, int bands, byte another) => [.. pixels.Chunk(bands).SelectMany(p => (byte[])[.. p, another])];

    private static byte[] Inks(byte[] rgb) => With([.. rgb.Select(v => (byte)(255 - v))], 3, 0);

    private static void AssertPixels(byte[] expected, byte[] file, int within = 0)
    {
        DecodedImage decoded = LesionImage.Read(file, Side, new(), TestContext.Current.CancellationToken);
        Assert.Equal((Width, Height), (decoded.Width, decoded.Height));
        Assert.InRange(Difference(LesionImage.Resize(expected, Width, Height, Side), decoded.Pixels).Max, 0, within);
    }

    private static void AssertRefused(byte[] file, string words)
    {
        ImageRejectedException refused = Assert.Throws<ImageRejectedException>(() => LesionImage.Decode(file, Side, new()));
        Assert.Equal(ImageRejection.Unreadable, refused.Reason);
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
        Assert.Throws<ImageRejectedException>(() => LesionPicture.Copy(file, Side, new(), TestContext.Current.CancellationToken));
    }

    private static (double Mean, int Max) Difference(byte[] a, byte[] b)
    {
        int[] differences = [.. a.Zip(b, (x, y) => Math.Abs(x - y))];
        return (differences.Average(), differences.Max());
    }
}
