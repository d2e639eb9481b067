namespace Lentigo.Training.Reports;

/// <summary>Accuracy and loss by epoch.</summary>
internal static class LearningCurvesSection
{
    public static void LearningCurves(HtmlWriter html, ReportInput input)
    {
        html.Write($"""<section id="learning"><h2>Learning curves</h2>""");
        (int Series, ReportMember Member)[] trained = [.. input.Members.Select((m, i) => (i + 1, m)).Where(m => m.m.LearningCurve.Count > 0)];
        if (trained.Length == 0)
        {
            html.Write($"<p>None: this model was evaluated here, not trained.</p></section>");
            return;
        }

        LearningCurvePoint[] points = [.. trained.SelectMany(m => m.Member.LearningCurve)];
        Chart.Axis epochs = Chart.Axis.Numbers("epoch", points.Select(p => (double)p.Epoch), whole: true);
        using Chart accuracy = new(epochs, Chart.Axis.Numbers("validation accuracy", points.Select(p => p.ValidationAccuracy)));
        using Chart loss = new(epochs, Chart.Axis.Numbers("loss", points.SelectMany(p => new[] { p.TrainingLoss, p.ValidationLoss })));
        foreach ((int series, ReportMember member) in trained)
        {
            bool markers = member.LearningCurve.Count < 3;
            accuracy.Line(series, member.LearningCurve.Select(p => ((double)p.Epoch, p.ValidationAccuracy)), markers);
            loss.Line(series, member.LearningCurve.Select(p => ((double)p.Epoch, p.ValidationLoss)), markers);
            loss.Line(series + Chart.Dashed, member.LearningCurve.Select(p => ((double)p.Epoch, p.TrainingLoss)), markers);
        }

        html.Write($"""<div class="figures">""");
        ReportFormat.Figure(html, "accuracy", accuracy,
            "Validation accuracy by epoch: " + string.Join("; ", trained.Select(m =>
                FormattableString.Invariant($"{m.Member.Name} ends at {m.Member.LearningCurve[^1].ValidationAccuracy:P1}, best {m.Member.LearningCurve.Max(p => p.ValidationAccuracy):P1}"))),
            "Accuracy on the validation images.", [.. trained.Select(m => (m.Series, m.Member.Name))]);
        ReportFormat.Figure(html, "loss", loss,
            "Loss by epoch: " + string.Join("; ", trained.Select(m =>
                FormattableString.Invariant($"{m.Member.Name} lowest validation loss {m.Member.LearningCurve.Min(p => p.ValidationLoss):0.000}"))),
            "Loss on validation images (solid) and on training images as the recipe augments and regularizes them (dashed).",
            [.. trained.Select(m => (m.Series, m.Member.Name))]);
        html.Write($"</div></section>");
    }
}
