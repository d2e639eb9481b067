using System.Security.Cryptography;
using Lentigo.Core.Imaging;
using NetVips;

namespace Lentigo.Core.Tests.Imaging;

public class LesionImageTests
{
    private const int Side = 32;

    [Theory]
    [InlineData(".jpg")]
    [InlineData(".png")]
    [InlineData(".webp")]
    [InlineData(".tif")]
    public void Every_accepted_format_gives_the_same_picture(string extension)
    {
        using Image picture = Picture(600, 450);
        byte[] lossless = LesionImage.Decode(picture.PngsaveBuffer(), Side, new());
        byte[] decoded = LesionImage.Decode(Save(picture, extension), Side, new());
        Assert.InRange(MeanDifference(lossless, decoded), 0, 2);
    }

    /// <summary>
    /// SHA-256 (its first 8 bytes) of what Pillow 9.4 gives: Image.fromarray(a).resize((s, s), Image.BILINEAR) of a[i] = (31 i² + 7 i) / 8 mod 256.
    /// </summary>
    [Theory]
    [InlineData(600, 450, 64, "1243b1dd34d3b31d")]
    [InlineData(28, 28, 32, "f9f063b3f5bd99bf")]
    [InlineData(20, 300, 32, "a76a05efa361e319")]
    [InlineData(301, 32, 32, "3a56c23fc1e2670a")]
    [InlineData(1, 1, 32, "4f627c8100cd36bb")]
    [InlineData(37, 53, 128, "dadaf79478915880")]
    [InlineData(999, 1001, 7, "7e5938e087d8c1ee")]
    public void Resizing_equals_pillows_byte_for_byte(int width, int height, int size, string expected)
    {
        byte[] pixels = [.. Enumerable.Range(0, width * height * 3).Select(i => (byte)(((31L * i * i) + (7L * i)) / 8 % 256))];
        byte[] resized = LesionImage.Resize(pixels, width, height, size);
        Assert.Equal(expected, Convert.ToHexStringLower(SHA256.HashData(resized))[..16]);

        using Image stored = Image.NewFromMemoryCopy(pixels, width, height, 3, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
        using Image turned = stored.Rot270().Mutate(m => m.Set(GValue.GIntType, "orientation", 6));
        Assert.Equal(resized, LesionImage.Decode(turned.TiffsaveBuffer(), size, new()));
    }

    [Theory]
    [InlineData(3000, 2201, 64)]
    [InlineData(2403, 1801, 128)]
    [InlineData(1500, 1001, 64)]
    public void A_large_jpeg_shrunk_while_it_is_decoded_is_within_a_tenth_of_a_level_of_the_whole_one(int width, int height, int size)
    {
        // Smooth, with fine lines like hairs and grain like a sensor's.
        Random random = new(1);
        using Image smooth = Picture(width, height);
        byte[] pixels = smooth.WriteToMemory<byte>();
        for (int i = 0; i < pixels.Length; i++)
        {
            int x = i / 3 % width, y = i / 3 / width;
            pixels[i] = (byte)Math.Clamp((Math.Abs((x - (y / 3)) % 400) < 4 ? pixels[i] / 3 : pixels[i]) + random.Next(-12, 13), 0, 255);
        }

        using Image picture = Image.NewFromMemoryCopy(pixels, width, height, 3, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
        byte[] jpeg = picture.JpegsaveBuffer(q: 92);
        using Image whole = Image.JpegloadBuffer(jpeg);
        byte[] expected = LesionImage.Resize(whole.WriteToMemory<byte>(), width, height, size), decoded = LesionImage.Decode(jpeg, size, new());
        Assert.InRange(MeanDifference(expected, decoded), 0, 0.1);
        Assert.InRange(expected.Zip(decoded, (x, y) => Math.Abs(x - y)).Max(), 0, 2);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void Exif_orientation_is_honoured(int orientation)
    {
        using Image upright = Picture(120, 90);
        // What a camera stores so that a viewer that applies the orientation sees the upright picture (Exif 2.32, tag 0x0112).
        using Image stored = orientation switch
        {
            2 => upright.FlipHor(),
            3 => upright.Rot180(),
            4 => upright.FlipVer(),
            5 => upright.Rot90().FlipHor(),
            6 => upright.Rot270(),
            7 => upright.Rot270().FlipHor(),
            8 => upright.Rot90(),
            _ => upright.Copy(),
        };
        using Image tagged = stored.Mutate(m => m.Set(GValue.GIntType, "orientation", orientation));
        byte[] expected = LesionImage.Decode(upright.PngsaveBuffer(), Side, new());
        byte[] actual = LesionImage.Decode(tagged.TiffsaveBuffer(), Side, new());
        Assert.InRange(MeanDifference(expected, actual), 0, 0.5);
    }

    [Fact]
    public void Transparency_is_laid_on_white()
    {
        using Image clear = Image.Black(50, 50, bands: 4).Copy(interpretation: Enums.Interpretation.Srgb);
        Assert.All(LesionImage.Decode(clear.PngsaveBuffer(), Side, new()), v => Assert.Equal(255, v));
    }

    [Fact]
    public void Sixteen_bit_and_greyscale_images_become_8_bit_rgb()
    {
        using Image picture = Picture(100, 80);
        byte[] expected = LesionImage.Decode(picture.PngsaveBuffer(), Side, new());
        using Image deep = picture.Colourspace(Enums.Interpretation.Rgb16);
        Assert.InRange(MeanDifference(expected, LesionImage.Decode(deep.PngsaveBuffer(), Side, new())), 0, 1);

        using Image grey = picture.Colourspace(Enums.Interpretation.Bw);
        byte[] decoded = LesionImage.Decode(grey.PngsaveBuffer(), Side, new());
        Assert.All(Enumerable.Range(0, Side * Side), i => Assert.True(decoded[3 * i] == decoded[3 * i + 1] && decoded[3 * i] == decoded[3 * i + 2]));
    }

    [Fact]
    public void Cmyk_without_a_profile_keeps_its_colours()
    {
        using Image picture = Picture(100, 80);
        using Image inks = picture.Linear([-1], [255]).Cast(Enums.BandFormat.Uchar);
        using Image black = Image.Black(100, 80);
        using Image cmyk = inks.Bandjoin(black).Copy(interpretation: Enums.Interpretation.Cmyk);
        byte[] expected = LesionImage.Decode(picture.TiffsaveBuffer(), Side, new());
        Assert.InRange(MeanDifference(expected, LesionImage.Decode(cmyk.TiffsaveBuffer(), Side, new())), 0, 1);
    }

    [Fact]
    public void An_empty_file_is_no_image() => AssertRejected([], ImageRejection.Empty);

    [Fact]
    public void Text_is_not_a_supported_image() => AssertRejected("GPS 1, 2"u8.ToArray(), ImageRejection.Unsupported);

    [Fact]
    public void An_animated_gif_is_not_a_supported_image()
    {
        using Image picture = Picture(40, 40);
        AssertRejected(picture.GifsaveBuffer(), ImageRejection.Unsupported);
    }

    [Theory]
    [InlineData(".jpg")]
    [InlineData(".png")]
    [InlineData(".webp")]
    [InlineData(".tif")]
    public void A_truncated_file_is_unreadable(string extension)
    {
        using Image picture = Picture(600, 450);
        byte[] file = Save(picture, extension);
        AssertRejected(file[..(file.Length / 2)], ImageRejection.Unreadable);
        AssertRejected(file[..14], ImageRejection.Unreadable);
    }

    [Fact]
    public void A_header_of_too_many_pixels_is_refused_before_decoding()
    {
        byte[] png = PngHeader(60_000, 60_000);
        AssertRejected(png, ImageRejection.TooManyPixels);
        using Image picture = Picture(101, 100);
        AssertRejected(picture.JpegsaveBuffer(), ImageRejection.TooManyPixels, new() { MaxPixels = 10_000 });
    }

    [Fact]
    public void A_file_over_the_byte_limit_is_refused() =>
        AssertRejected(new byte[101], ImageRejection.TooLarge, new() { MaxBytes = 100 });

    [Fact]
    public void Damaged_bytes_never_escape_as_another_error()
    {
        using Image picture = Picture(64, 64);
        byte[][] files = [.. new[] { ".jpg", ".png", ".webp", ".tif" }.Select(e => Save(picture, e))];
        Random random = new(20260101);
        for (int i = 0; i < 400; i++)
        {
            byte[] file = [.. files[i % files.Length]];
            for (int k = 0; k < 8; k++)
            {
                file[random.Next(file.Length)] = (byte)random.Next(256);
            }

            try
            {
                Assert.Equal(Side * Side * 3, LesionImage.Decode(file, Side, new()).Length);
            }
            catch (ImageRejectedException)
            {
                // the other right answer
            }
        }
    }

    private static void AssertRejected(byte[] file, ImageRejection reason, ImageLimits? limits = null) =>
        Assert.Equal(reason, Assert.Throws<ImageRejectedException>(() => LesionImage.Decode(file, Side, limits ?? new())).Reason);

    private static byte[] PngHeader(int width, int height)
    {
        byte[] chunk = [.. "IHDR"u8, .. BigEndian(width), .. BigEndian(height), 8, 2, 0, 0, 0];
        uint crc = Crc32(chunk);
        return [0x89, .. "PNG\r\n"u8, 0x1a, (byte)'\n', .. BigEndian(13), .. chunk, .. BigEndian((int)crc), .. BigEndian(0), .. "IDAT"u8,
            .. BigEndian(0x35af061e)];

        static uint Crc32(byte[] bytes)
        {
            uint crc = uint.MaxValue;
            foreach (byte b in bytes)
            {
                crc ^= b;
                for (int k = 0; k < 8; k++)
                {
                    crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xedb88320;
                }
            }

            return ~crc;
        }

        static byte[] BigEndian(int value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];
    }

    private static byte[] Save(Image image, string extension) => extension switch
    {
        ".jpg" => image.JpegsaveBuffer(q: 95),
        ".webp" => image.WebpsaveBuffer(lossless: true),
        ".tif" => image.TiffsaveBuffer(),
        _ => image.PngsaveBuffer(),
    };

    /// <summary>A smooth picture with a dark spot off the centre, so that no flip or turn leaves it as it is.</summary>
    private static Image Picture(int width, int height)
    {
        byte[] pixels = new byte[width * height * 3];
        for (int y = 0, i = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                double u = (x + 0.5) / width, v = (y + 0.5) / height;
                double spot = Math.Exp(-40 * ((u - 0.3) * (u - 0.3) + (v - 0.6) * (v - 0.6)));
                pixels[i++] = (byte)(230 - 120 * spot - 20 * u);
                pixels[i++] = (byte)(180 - 130 * spot - 40 * v);
                pixels[i++] = (byte)(160 - 120 * spot + 30 * u * v);
            }
        }

        return Image.NewFromMemoryCopy(pixels, width, height, 3, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
    }

    private static double MeanDifference(byte[] a, byte[] b)
    {
        Assert.Equal(a.Length, b.Length);
        return a.Zip(b, (x, y) => (double)Math.Abs(x - y)).Average();
    }
}
