using System.Globalization;
using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.Training.Evaluation;
using Spectre.Console;

namespace Lentigo.Training.Commands;

/// <summary>Prints the figures of an evaluation as tables that fit a terminal of 80 columns.</summary>
internal static class EvaluationTables
{
    /// <summary>Prints the tables of an evaluation.</summary>
    public static void Print(EvaluationReport report, ModelManifest manifest)
    {
        CommandLine.Print($"{report.Model} on {report.Ensemble.Count} images of {report.Data} ({report.Subset}). {report.Notice}.");
        foreach (Table table in Tables(report, manifest))
        {
            CommandLine.Print(table);
        }
    }

    /// <summary>The tables of an evaluation; each fits a terminal of 80 columns.</summary>
    internal static IEnumerable<Table> Tables(EvaluationReport report, ModelManifest manifest)
    {
        Table overall = CommandLine.NewTable("", "images", "accuracy", "balanced\naccuracy", "macro\nAUC", "malign.\nAUC", "log\nloss");
        Table averages = CommandLine.NewTable("", "macro\nprecis.", "macro\nrecall", "macro\nF1", "weighted\nprecis.", "weighted\nrecall", "weighted\nF1");
        bool several = manifest.Members.Count > 1;
        foreach ((string name, ClassificationMetrics m) in report.Members.Concat(several ? [new("ensemble", report.Ensemble)] : [])
            .Concat((report.Uniform?.Members ?? new Dictionary<string, ClassificationMetrics>())
                .Select(m => KeyValuePair.Create($"{m.Key}, uniform prior", m.Value)))
            .Concat(several && report.Uniform is { } uniform ? [new("ensemble, uniform prior", uniform.Ensemble)] : [])
            .Concat((report.Strata ?? new Dictionary<string, ClassificationMetrics>()).Select(s => KeyValuePair.Create($"ensemble, {s.Key} px", s.Value))))
        {
            overall.AddRow(Markup.Escape(name), $"{m.Count}", F(m.Accuracy), F(m.BalancedAccuracy), F(m.MacroAuc), F(m.MalignantAuc), F(m.LogLoss));
            averages.AddRow(Markup.Escape(name), F(m.MacroPrecision), F(m.MacroRecall), F(m.MacroF1), F(m.WeightedPrecision), F(m.WeightedRecall),
                F(m.WeightedF1));
        }

        yield return overall;
        yield return averages;
        Table classes = CommandLine.NewTable("ensemble", "images", "precision", "recall", "F1", "AUC");
        foreach (ClassMetrics c in report.Ensemble.Classes)
        {
            classes.AddRow(c.Code, $"{c.Support}", F(c.Precision), F(c.Recall), F(c.F1), F(c.Auc));
        }

        yield return classes;
        Table confusion = CommandLine.NewTable(["label \\ answer", .. LesionClasses.Codes]);
        for (int i = 0; i < LesionClasses.Count; i++)
        {
            confusion.AddRow([LesionClasses.Codes[i], .. report.Ensemble.ConfusionMatrix[i].Select(n => $"{n}")]);
        }

        yield return confusion;
    }

    /// <summary>Prints how far photographs' answers move; nothing where there were none.</summary>
    public static void Print(IReadOnlyList<RobustnessFigures> changes)
    {
        if (changes.Count == 0)
        {
            return;
        }

        Table table = CommandLine.NewTable("photographs", "other first answer", "mean shift", "largest shift", "mean shift, malignant");
        foreach (RobustnessFigures change in changes)
        {
            table.AddRow(Markup.Escape(change.Change), $"{change.Flips} of {change.Count}", F(change.MeanShift), F(change.LargestShift),
                F(change.MeanMalignantShift));
        }

        CommandLine.Print(table);
    }

    /// <summary>Prints calibration errors before and after temperature scaling.</summary>
    public static void Print(IReadOnlyList<CalibrationComparison> rows)
    {
        Table table = CommandLine.NewTable($"calibration\n({rows[0].After.Bins} bins)", "ECE", "after", "Brier\nscore", "after", "log\nloss", "after");
        foreach (CalibrationComparison row in rows)
        {
            table.AddRow(
                Markup.Escape(row.Name), F(row.Before.ExpectedCalibrationError), F(row.After.ExpectedCalibrationError),
                F(row.Before.BrierScore), F(row.After.BrierScore), F(row.Before.LogLoss), F(row.After.LogLoss));
        }

        CommandLine.Print("Before and after temperature scaling, each temperature fitted on images of other lesions:");
        CommandLine.Print(table);
    }

    /// <summary>Prints what the decision rule recommends, and how large its prediction sets are.</summary>
    public static void Print(DecisionEvaluation? decisions)
    {
        if (decisions is null)
        {
            CommandLine.Print("The package has no validation answers: there is no triage to evaluate.");
            return;
        }

        CommandLine.Print($"Triage at {decisions.Promise:P0} sensitivity, {decisions.Method}:");
        Table shares = CommandLine.NewTable("", "share", "95 % interval");
        foreach ((string name, ConfidenceInterval? share) in new[]
        {
            ("sensitivity for malignancy", decisions.Sensitivity), ("specificity", decisions.Specificity),
            ("melanomas referred", decisions.MelanomaReferred), ("benign lesions referred", decisions.BenignReferred),
        })
        {
            shares.AddRow(name, F(share?.Value), share is null ? "-" : $"{F(share.Low)} to {F(share.High)}");
        }

        CommandLine.Print(shares);
        Table recommendations = CommandLine.NewTable("", "refer", "review", "routine");
        foreach ((string code, RecommendationCounts counts) in decisions.Recommendations)
        {
            recommendations.AddRow(code, $"{counts.Refer}", $"{counts.Review}", $"{counts.Routine}");
        }

        CommandLine.Print(recommendations);
        Table sets = CommandLine.NewTable(["prediction\nsets", "coverage", "mean\nsize", .. decisions.Recommendations.Keys]);
        foreach (SetEvaluation set in decisions.Sets)
        {
            sets.AddRow([$"{set.Promise:P0}", F(set.Coverage.Value), set.MeanSize.ToString("f2", CultureInfo.InvariantCulture),
                .. decisions.Recommendations.Keys.Select(code => set.Classes[code].Value.ToString("f2", CultureInfo.InvariantCulture))]);
        }

        CommandLine.Print(sets);
    }

    private static string F(double? value) => value is { } v ? v.ToString("f4", CultureInfo.InvariantCulture) : "-";
}
