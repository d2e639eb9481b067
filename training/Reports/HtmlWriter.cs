using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;

namespace Lentigo.Training.Reports;

/// <summary>Writes HTML from interpolated strings: literal text is markup, interpolated values are encoded.</summary>
internal sealed class HtmlWriter
{
    private readonly StringBuilder _html = new();

    public void Write([InterpolatedStringHandlerArgument("")] ref Markup markup) => _html.Append('\n');

    /// <summary>Appends markup whose values are already encoded.</summary>
    public void WriteMarkup(string markup) => _html.Append(markup).Append('\n');

    public override string ToString() => _html.ToString();

    public static string Encode(string text) => HtmlEncoder.Default.Encode(text);

    [InterpolatedStringHandler]
    internal readonly ref struct Markup
    {
        private readonly StringBuilder _html;

        public Markup(int literalLength, int formattedCount, HtmlWriter writer)
        {
            _html = writer._html;
            _html.EnsureCapacity(_html.Length + literalLength + 16 * formattedCount);
        }

        public void AppendLiteral(string markup) => _html.Append(markup);

        public void AppendFormatted<T>(T value, string? format = null) =>
            _html.Append(Encode(value is IFormattable formattable ? formattable.ToString(format, CultureInfo.InvariantCulture) : value?.ToString() ?? ""));
    }
}
