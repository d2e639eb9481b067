using System.Globalization;
using System.Text;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Exports the metrics as text, for Prometheus and for humans: exposition format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). Counters end in
/// <c>_total</c> and units are written out, as required by OpenTelemetry's Prometheus compatibility specification.
/// </summary>
public sealed class PrometheusText : BaseExporter<Metric>
{
    /// <summary>The content type of the exposition format.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly Lock gate = new();
    private readonly StringBuilder text = new();
    private readonly BaseExportingMetricReader reader;

    /// <summary>Creates a reader that collects on demand.</summary>
    public PrometheusText() => reader = new(this) { TemporalityPreference = MetricReaderTemporalityPreference.Cumulative };

    /// <summary>The reader to register with a meter provider.</summary>
    internal MetricReader Reader => reader;

    /// <summary>Collects all instruments and returns them as text.</summary>
    public string Read()
    {
        lock (gate)
        {
            text.Clear();
            reader.Collect();
            return text.ToString();
        }
    }

    /// <inheritdoc/>
    public override ExportResult Export(in Batch<Metric> batch)
    {
        foreach (Metric metric in batch)
        {
            Write(metric);
        }

        return ExportResult.Success;
    }

    private void Write(Metric metric)
    {
        bool isCounter = metric.MetricType is MetricType.LongSum or MetricType.DoubleSum;
        string name = metric.Name.Replace('.', '_') + (metric.Unit == "s" ? "_seconds" : "") + (isCounter ? "_total" : "");
        string type = isCounter ? "counter" : metric.MetricType is MetricType.Histogram ? "histogram" : "gauge";
        text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {metric.Description}\n# TYPE {name} {type}\n");
        foreach (ref readonly MetricPoint point in metric.GetMetricPoints())
        {
            List<string> labels = [];
            foreach (KeyValuePair<string, object?> tag in point.Tags)
            {
                labels.Add($"{tag.Key.Replace('.', '_')}=\"{Escape(tag.Value)}\"");
            }

            switch (metric.MetricType)
            {
                case MetricType.Histogram:
                    WriteHistogram(name, labels, point);
                    break;
                case MetricType.LongSum:
                    WriteLine(name, labels, point.GetSumLong());
                    break;
                case MetricType.DoubleSum:
                    WriteLine(name, labels, point.GetSumDouble());
                    break;
                case MetricType.LongGauge:
                    WriteLine(name, labels, point.GetGaugeLastValueLong());
                    break;
                case MetricType.DoubleGauge:
                    WriteLine(name, labels, point.GetGaugeLastValueDouble());
                    break;
            }
        }
    }

    private void WriteHistogram(string name, List<string> labels, in MetricPoint point)
    {
        long below = 0;
        foreach (HistogramBucket bucket in point.GetHistogramBuckets())
        {
            below += bucket.BucketCount;
            string bound = double.IsPositiveInfinity(bucket.ExplicitBound) ? "+Inf" : bucket.ExplicitBound.ToString(CultureInfo.InvariantCulture);
            WriteLine($"{name}_bucket", [.. labels, $"le=\"{bound}\""], below);
        }

        WriteLine($"{name}_sum", labels, point.GetHistogramSum());
        WriteLine($"{name}_count", labels, point.GetHistogramCount());
    }

    private void WriteLine(string name, List<string> labels, double value)
    {
        text.Append(name);
        if (labels.Count > 0)
        {
            text.Append('{').AppendJoin(',', labels).Append('}');
        }

        text.Append(CultureInfo.InvariantCulture, $" {value}\n");
    }

    private static string Escape(object? value) =>
        (Convert.ToString(value, CultureInfo.InvariantCulture) ?? "").Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
