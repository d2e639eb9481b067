using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using ScottPlot;

namespace Lentigo.Training.Reports;

/// <summary>
/// A chart for the report. ScottPlot draws the data and the grid as SVG; labels are added as SVG text and use the browser's fonts, because the machine that
/// trains may have none. Colors are classes of the style sheet, which supports light and dark mode.
/// </summary>
internal sealed partial class Chart : IDisposable
{
    private const int Left = 56, Right = 14, Top = 14, Bottom = 44, Width = 360, Height = 240;

    private readonly Plot _plot = new();
    private readonly Axis _x;
    private readonly Axis _y;
    private readonly StringBuilder _words = new();

    public Chart(Axis x, Axis y)
    {
        _x = x;
        _y = y;
        _plot.Layout.Frameless();
        _plot.FigureBackground.Color = Colors.Transparent;
        _plot.DataBackground.Color = Colors.Transparent;
        _plot.Axes.SetLimits(x.Low, x.High, y.Low, y.High);
        double[] xGrid = x.Grid ? [.. x.Ticks.Select(t => t.Position)] : [];
        _plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual(xGrid, [.. xGrid.Select(_ => "")]);
        _plot.Axes.Left.TickGenerator = new ScottPlot.TickGenerators.NumericManual([.. y.Ticks.Select(t => t.Position)], [.. y.Ticks.Select(_ => "")]);
        _plot.Grid.MajorLineColor = Sentinel(0);
    }

    /// <summary>A line through points.</summary>
    /// <param name="series">The number of the series from 1, which sets its color; add <see cref="Dashed"/> for a dashed line.</param>
    /// <param name="points">The points.</param>
    /// <param name="markers">Whether each point is marked.</param>
    public void Line(int series, IEnumerable<(double X, double Y)> points, bool markers = false)
    {
        (double X, double Y)[] all = [.. points.Where(p => double.IsFinite(p.X) && double.IsFinite(p.Y))];
        if (all.Length == 0)
        {
            return;
        }

        var line = _plot.Add.Scatter(all.Select(p => p.X).ToArray(), all.Select(p => p.Y).ToArray());
        line.Color = Sentinel(series);
        line.LineWidth = 2;
        line.MarkerSize = markers ? 6 : 0;
    }

    /// <summary>A bar from 0.</summary>
    public void Bar(int series, double position, double width, double value)
    {
        var bar = _plot.Add.Bar(position, value).Bars[0];
        bar.Size = width;
        bar.FillColor = Sentinel(series);
        bar.LineWidth = 0;
    }

    /// <summary>A thin vertical line that shows an interval.</summary>
    public void Whisker(double position, double low, double high)
    {
        var line = _plot.Add.Line(position, low, position, high);
        line.Color = Sentinel(Ink);
        line.LineWidth = 1.5f;
    }

    /// <summary>The series in the text color of the page.</summary>
    public const int Ink = 15;

    /// <summary>The number to add to a series for a dashed line of its color.</summary>
    public const int Dashed = 16;

    /// <summary>The chart as an SVG element.</summary>
    /// <param name="id">The prefix of the ids in the chart, unique in the page.</param>
    /// <param name="description">The text alternative.</param>
    public string ToSvg(string id, string description)
    {
        foreach (Tick tick in _x.Ticks)
        {
            Words(Left + ToPixel(_x, tick.Position) * Width, Top + Height + 18, "middle", tick.Label);
        }

        foreach (Tick tick in _y.Ticks)
        {
            Words(Left - 8, Top + (1 - ToPixel(_y, tick.Position)) * Height + 4, "end", tick.Label);
        }

        Words(Left + Width / 2, Top + Height + 38, "middle", _x.Title);
        string drawing = _plot.GetSvgXml(Width, Height);
        drawing = drawing[(drawing.IndexOf('>', drawing.IndexOf("<svg", StringComparison.Ordinal)) + 1)..drawing.LastIndexOf("</svg>",
            StringComparison.Ordinal)];
        drawing = SentinelColor().Replace(drawing, m =>
        {
            int series = int.Parse(m.Groups["series"].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            return $"{m.Groups["attribute"].Value}=\"currentColor\" class=\"{(series >= Dashed ? "dashed " : "")}series{series % Dashed}\"";
        });
        // The clip paths of all charts share one id namespace.
        drawing = drawing.Replace("id=\"cl_", $"id=\"{id}-", StringComparison.Ordinal).Replace("url(#cl_", $"url(#{id}-", StringComparison.Ordinal);
        return $"""
            <svg viewBox="0 0 {Left + Width + Right} {Top + Height + Bottom}" role="img" aria-label="{HtmlWriter.Encode(description)}">
            <g transform="translate({Left} {Top})">{drawing}<path class="axis" d="M0 0V{Height}H{Width}"/></g>
            {_words}<text class="y" transform="translate(12 {Top + Height / 2}) rotate(-90)" text-anchor="middle">{HtmlWriter.Encode(_y.Title)}</text>
            </svg>
            """;
    }

    /// <summary>Frees the drawing.</summary>
    public void Dispose() => _plot.Dispose();

    private void Words(double x, double y, string anchor, string text) =>
        _words.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{x:0.#}\" y=\"{y:0.#}\" text-anchor=\"{anchor}\">{HtmlWriter.Encode(text)}</text>");

    private static double ToPixel(Axis axis, double value) => (value - axis.Low) / (axis.High - axis.Low);

    // A placeholder color that identifies the series until it is replaced by a class.
    private static Color Sentinel(int series) => new(0xE1, 0xA7, (byte)series);

    [GeneratedRegex("(?<attribute>fill|stroke)=\"#E1A7(?<series>[0-9A-Fa-f]{2})\"")]
    private static partial Regex SentinelColor();

    /// <summary>An axis: title, range and ticks.</summary>
    internal sealed record Axis(string Title, double Low, double High, IReadOnlyList<Tick> Ticks, bool Grid = true)
    {
        private static readonly int[] RoundSteps = [1, 2, 5, 10];

        /// <summary>An axis of shares from <paramref name="low"/> to 1.</summary>
        public static Axis Share(string title, double low = 0) =>
            new(title, low, 1, [.. Enumerable.Range(0, 6).Select(i => low + i * (1 - low) / 5)
                .Select(p => new Tick(p, p.ToString("0.##", CultureInfo.InvariantCulture)))]);

        /// <summary>An axis that covers all values, with about five ticks at round numbers.</summary>
        public static Axis Numbers(string title, IEnumerable<double> values, bool fromZero = false, bool whole = false)
        {
            double[] finite = [.. values.Where(double.IsFinite)];
            double low = finite.Length == 0 || fromZero ? 0 : finite.Min(), high = finite.Length == 0 ? 1 : finite.Max();
            high = high > low ? high : low + 1;
            double magnitude = Math.Pow(10, Math.Floor(Math.Log10((high - low) / 5)));
            double step = RoundSteps.Select(m => m * magnitude).First(s => (high - low) / s <= 5.5);
            step = whole ? Math.Max(1, Math.Round(step)) : step;
            // An axis of whole numbers ends at its first and last value; others are rounded outward, so that lines do not touch the frame.
            (double first, double last) = whole ? (low, high) : (Math.Floor(low / step) * step, Math.Ceiling(high / step) * step);
            List<Tick> ticks = [];
            for (double tick = Math.Ceiling(first / step - 1e-9) * step; tick <= last + step * 1e-9; tick += step)
            {
                ticks.Add(new(tick, Math.Round(tick, 10).ToString("0.#####", CultureInfo.InvariantCulture)));
            }

            return new(title, first, last, ticks);
        }
    }

    /// <summary>A labeled position on an axis.</summary>
    internal readonly record struct Tick(double Position, string Label);
}
