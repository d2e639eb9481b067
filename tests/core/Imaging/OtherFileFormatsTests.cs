using System.Text;
using CsCheck;
using Lentigo.Core.Imaging;

namespace Lentigo.Core.Tests.Imaging;

public class OtherFileFormatsTests
{
    public static TheoryData<string, byte[]> Files { get; } = new()
    {
        { "GIF", [.. "GIF89a"u8, 1, 0, 1, 0] },
        { "BMP", [.. "BM"u8, 70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0] },
        { "HEIC", [0, 0, 0, 24, .. "ftypheic"u8, 0, 0, 0, 0, .. "mif1heic"u8] },
        { "HEIC", [0, 0, 0, 24, .. "ftypmif1"u8, 0, 0, 0, 0, .. "mif1heic"u8] }, // named among the compatible brands alone
        { "AVIF", [0, 0, 0, 28, .. "ftypavif"u8, 0, 0, 0, 0, .. "mif1miafavif"u8] },
        { "video", [0, 0, 0, 24, .. "ftypisom"u8, 0, 0, 2, 0, .. "isommp41"u8] },
        { "PDF", [.. "%PDF-1.7\n%"u8, 0xe2, 0xe3, 0xcf, 0xd3] },
        { "JPEG 2000", [0, 0, 0, 12, .. "jP  "u8, 13, 10, 0x87, 10, 0, 0, 0, 20] },
        { "JPEG 2000", [0xff, 0x4f, 0xff, 0x51, 0, 41] },
        { "JPEG XL", [0xff, 0x0a, 0xfa] },
        { "SVG", [.. "<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>"u8] },
        { "HTML", [.. "<!DOCTYPE html><title>x</title>"u8] },
        { "ZIP", [.. "PK"u8, 3, 4, 20, 0] },
        { "JSON", [.. "{ \"image\": 1 }"u8] },
        { "Base64 text", [.. "/9j/4AAQSkZJRgABAQ"u8] },
        { "text", [.. "I am not an image."u8] },
        { "text", [0xef, 0xbb, 0xbf, .. "BM is how this begins, and it is a text all the same."u8] },
    };

    [Theory]
    [MemberData(nameof(Files))]
    public void A_refusal_names_the_format_that_was_found(string name, byte[] file)
    {
        Assert.Equal(name, OtherFileFormats.NameOf(file));
        ImageRejectedException refused = Assert.Throws<ImageRejectedException>(() => LesionImage.Decode(file, 8, new()));
        Assert.Equal(ImageRejection.Unsupported, refused.Reason);
        Assert.StartsWith($"The file's content is {name}, ", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_bytes_have_a_name_or_none() => Gen.Byte.Array[0, 300].Sample(bytes =>
    {
        string? name = OtherFileFormats.NameOf(bytes);
        return name is null || name.Length > 0;
    });

    [Fact]
    public void Every_accepted_formats_beginning_is_left_to_the_sniffer() =>
        Assert.Null(OtherFileFormats.NameOf(Encoding.Latin1.GetBytes("\x89PNG\r\n\x1a\n\0\0\0\rIHDR")));
}
