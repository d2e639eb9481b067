using System.Globalization;
using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Spectre.Console;

namespace Lentigo.Training.Commands;

/// <summary>
/// Prospective validation: compares a service's answers with the diagnoses that were confirmed afterward. Feedback has no lesion ids, so intervals treat every
/// answer
/// as an independent lesion.
/// </summary>
internal static class FeedbackTables
{
    /// <summary>Prints accuracy, calibration and triage of all answers of a model, and both and the drift of its scores week by week.</summary>
    /// <param name="all">The documents, of any model.</param>
    /// <param name="package">The model's package, whose validation answers are what scores are compared with.</param>
    /// <exception cref="TrainingException">There is no feedback about the model.</exception>
    public static void Print(IReadOnlyList<FeedbackRecord> all, ModelPackage package)
    {
        ModelManifest manifest = package.Manifest;
        FeedbackRecord[] records = [.. all.Where(r => r.Answer.Model == new ModelReference(manifest.Name, manifest.Version)).OrderBy(TimeOf)];
        if (records.Length < all.Count)
        {
            Console.WriteLine($"{all.Count - records.Length} of {all.Count} documents are about other models or versions and left out: "
                + $"{string.Join(", ", all.Select(r => r.Answer.Model).Except([new(manifest.Name, manifest.Version)]).Select(m => $"{m.Name} {m.Version}"))}.");
        }

        if (records.Length == 0)
        {
            throw new TrainingException($"There is no feedback about {manifest.Name} {manifest.Version}. It is recorded with POST /api/results/{{id}}/feedback.");
        }

        int[] labels = [.. records.Select(r => LesionClasses.IndexOf(r.Diagnosis))];
        double[][] probabilities = [.. records.Select(Probabilities)];
        EvaluationReport report = new($"{manifest.Name} {manifest.Version}", "confirmed diagnoses", "all",
            ClassificationMetrics.Compute(labels, probabilities), new Dictionary<string, ClassificationMetrics>());
        EvaluationTables.Print(report, manifest);
        Shares(records, labels, probabilities);
        Weeks(records, ValidationAnswers.Read(package), manifest);
    }

    private static void Shares(FeedbackRecord[] records, int[] labels, double[][] probabilities)
    {
        int[] answers = [.. Enumerable.Range(0, records.Length)];
        Table table = CommandLine.NewTable("", "share", "95 % interval", "of");
        void Row(string name, Func<int, bool> of, Func<int, bool> isHit)
        {
            int[] counted = [.. answers.Where(of)];
            ConfidenceInterval? share = ClusteredProportion.Of([.. counted.Select(isHit)], counted);
            table.AddRow(name, F(share?.Value), share is null ? "-" : $"{F(share.Low)} to {F(share.High)}", $"{counted.Length}");
        }

        bool IsMalignant(int i) => LesionClasses.All[labels[i]].Malignant;
        bool IsReferred(int i) => records[i].Answer.Triage?.Recommendation == Triage.Refer;
        Row("right", _ => true, i => records[i].Answer.Label.Code == records[i].Diagnosis);
        Row("in the prediction set", i => records[i].Answer.Set is not null, i => records[i].Answer.Set!.Codes.Contains(records[i].Diagnosis));
        Row("malignant lesions referred", i => records[i].Answer.Triage is not null && IsMalignant(i), IsReferred);
        Row("melanomas referred", i => records[i].Answer.Triage is not null && labels[i] == LesionClasses.Melanoma, IsReferred);
        Row("benign lesions referred", i => records[i].Answer.Triage is not null && !IsMalignant(i), IsReferred);
        CommandLine.Print(table);
        CalibrationErrors errors = CalibrationErrors.Compute(labels, probabilities);
        CommandLine.Print($"Calibration: expected calibration error {F(errors.ExpectedCalibrationError)} ({errors.Bins} bins), Brier score "
            + $"{F(errors.BrierScore)}, log loss {F(errors.LogLoss)}.");
    }

    private static void Weeks(FeedbackRecord[] records, ValidationAnswers? validation, ModelManifest manifest)
    {
        double[] reference = [.. validation?.Probabilities.Select(LesionClasses.MalignantProbability) ?? []];
        Table weeks = CommandLine.NewTable("week", "answers", "right", "malignant\n(mean)", "drift of\nmalignant", "suitability\n(median)",
            "below the\nwarning point");
        foreach (IGrouping<string, FeedbackRecord> week in records.GroupBy(WeekOf))
        {
            double[] malignant = [.. week.Select(r => LesionClasses.MalignantProbability(Probabilities(r)))];
            double[] suitability = [.. week.Select(r => r.Answer.Suitability?.Score).OfType<double>().Order()];
            weeks.AddRow(
                week.Key, $"{week.Count()}", F(week.Average(r => r.Answer.Label.Code == r.Diagnosis ? 1.0 : 0)), F(malignant.Average()),
                    F(PopulationStability.Index(reference, malignant)),
                F(suitability.Length == 0 ? null : Quantiles.Of(suitability, 0.5)),
                F(suitability.Length == 0 || manifest.Suitability is not { } limits ? null : suitability.Average(s => s < limits.WarnBelow ? 1.0 : 0)));
        }

        CommandLine.Print("By week of the answer. Drift is the population stability index against the validation images: above 0.25 the images, or what is "
            + "sent, have changed.");
        CommandLine.Print(weeks);
    }

    private static DateTimeOffset TimeOf(FeedbackRecord record) => record.Answered ?? record.Time;

    private static string WeekOf(FeedbackRecord record)
    {
        DateTime day = TimeOf(record).UtcDateTime;
        return string.Create(CultureInfo.InvariantCulture, $"{ISOWeek.GetYear(day)}-W{ISOWeek.GetWeekOfYear(day):00}");
    }

    private static double[] Probabilities(FeedbackRecord record) =>
        [.. LesionClasses.Codes.Select(c => record.Answer.Probabilities.Single(p => p.Code == c).Probability)];

    private static string F(double? value) => value?.ToString("0.000", CultureInfo.InvariantCulture) ?? "-";
}
