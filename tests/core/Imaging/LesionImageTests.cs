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

    [Theory]
    [InlineData(600, 450)]
    [InlineData(28, 28)]
    [InlineData(20, 300)]
    [InlineData(301, 32)]
    [InlineData(1, 1)]
    public void Resizing_is_antialiased_bilinear_with_pixel_centres_at_one_half(int width, int height)
    {
        using Image picture = Picture(width, height);
        byte[] source = picture.WriteToMemory<byte>();
        byte[] resized = LesionImage.Resize(source, width, height, Side);
        Assert.InRange(MeanDifference(TriangleFilter(source, width, height, Side), resized), 0, 0.5);
    }

    [Fact]
    public void A_large_jpeg_shrunk_while_it_is_decoded_equals_the_whole_one_reduced()
    {
        using Image picture = Picture(3000, 2200);
        byte[] jpeg = picture.JpegsaveBuffer(q: 95);
        using Image whole = Image.JpegloadBuffer(jpeg);
        byte[] expected = TriangleFilter(whole.WriteToMemory<byte>(), 3000, 2200, Side);
        Assert.InRange(MeanDifference(expected, LesionImage.Decode(jpeg, Side, new())), 0, 1);
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
        return [0x89, .. "PNG\r\n"u8, 0x1a, (byte)'\n', .. BigEndian(13), .. chunk, .. BigEndian((int)crc), .. BigEndian(0), .. "IDAT"u8, .. BigEndian(0x35af061e)];

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

    /// <summary>The definition: every output pixel is the mean of the source under a triangle twice as wide as the reduction, at least two pixels.</summary>
    private static byte[] TriangleFilter(byte[] source, int width, int height, int size)
    {
        double[] rows = Axis(width, height, (y, x, c) => source[(y * width + x) * 3 + c], size, horizontal: true);
        double[] both = Axis(size, height, (y, x, c) => rows[(y * size + x) * 3 + c], size, horizontal: false);
        return [.. both.Select(v => (byte)Math.Round(v))];

        static double[] Axis(int width, int height, Func<int, int, int, double> at, int size, bool horizontal)
        {
            int length = horizontal ? width : height, across = horizontal ? height : width;
            double scale = (double)length / size, support = Math.Max(1, scale);
            double[] result = new double[size * across * 3];
            for (int o = 0; o < size; o++)
            {
                double centre = (o + 0.5) * scale;
                int first = Math.Max(0, (int)Math.Floor(centre - support)), last = Math.Min(length - 1, (int)Math.Ceiling(centre + support));
                double[] weights = [.. Enumerable.Range(first, last - first + 1).Select(i => Math.Max(0, 1 - Math.Abs(i + 0.5 - centre) / support))];
                double total = weights.Sum();
                for (int a = 0; a < across; a++)
                {
                    for (int c = 0; c < 3; c++)
                    {
                        double sum = 0;
                        for (int i = first; i <= last; i++)
                        {
                            sum += weights[i - first] * (horizontal ? at(a, i, c) : at(i, a, c));
                        }

                        result[(horizontal ? a * size + o : o * across + a) * 3 + c] = sum / total;
                    }
                }
            }

            return result;
        }
    }

    private static double MeanDifference(byte[] a, byte[] b)
    {
        Assert.Equal(a.Length, b.Length);
        return a.Zip(b, (x, y) => (double)Math.Abs(x - y)).Average();
    }
}
