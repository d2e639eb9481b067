using SkiaSharp;

namespace Lentigo.Training.Reports;

/// <summary>The images that the ensemble got most wrong.</summary>
internal static class MostWrongSection
{
    public static void MostWrong(HtmlWriter html, ReportInput input, ReportDocument document)
    {
        html.Write($"""<section id="wrong"><h2>The images it got most wrong</h2>""");
        if (document.MostWrong.Count == 0)
        {
            html.Write($"<p>None: every first answer is the label.</p></section>");
            return;
        }

        html.Write($"""<p>Those whose label the ensemble found least probable. Labels can be wrong, too.</p><ol class="wrong">""");
        foreach (WrongImage image in document.MostWrong)
        {
            html.Write($"<li>");
            if (!input.Pixels.IsEmpty)
            {
                html.Write($"""
                    <img width="{input.InputSize}" height="{input.InputSize}" alt="Lesion {image.Image}, labeled {image.Label}" src="data:image/png;base64,{Png(input, image.Index)}">
                    """);
            }

            html.Write($"""
                <p><strong>{image.Label}</strong> {image.LabelProbability:P1}<br>answered <strong>{image.Answer}</strong> {image.AnswerProbability:P1}</p>
                <p class="note">{image.Image}{(image.Stratum is null ? "" : $", {image.Stratum}")}</p></li>
                """);
        }

        html.Write($"</ol></section>");
    }

    private static string Png(ReportInput input, int image)
    {
        int size = input.InputSize;
        ReadOnlySpan<byte> rgb = input.Pixels.Span.Slice(image * size * size * 3, size * size * 3);
        byte[] rgba = new byte[size * size * 4];
        for (int p = 0; p < size * size; p++)
        {
            rgb.Slice(3 * p, 3).CopyTo(rgba.AsSpan(4 * p));
            rgba[4 * p + 3] = 255;
        }

        using SKImage picture = SKImage.FromPixelCopy(new SKImageInfo(size, size, SKColorType.Rgba8888, SKAlphaType.Opaque), rgba);
        using SKData png = picture.Encode(SKEncodedImageFormat.Png, 100);
        return Convert.ToBase64String(png.AsSpan());
    }
}
