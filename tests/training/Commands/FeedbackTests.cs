using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;

namespace Lentigo.Training.Tests.Commands;

/// <summary>Prospective validation from the feedback that a service kept.</summary>
public sealed class FeedbackTests : IDisposable
{
    private static readonly ModelPackage Package = ModelPackage.Open(PublishTests.Model());
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Accuracy_triage_calibration_and_drift_by_week_are_those_of_the_kept_answers()
    {
        ValidationAnswers validation = ValidationAnswers.Read(Package)!;
        DecisionRule rule = DecisionRule.Fit(validation, Package.Manifest.Prior!, Package.Manifest.Prior!, 0.95, 0.9)!;
        DateTimeOffset monday = new(2026, 11, 2, 8, 0, 0, TimeSpan.Zero);
        int[] first = [.. Enumerable.Range(0, 200)],
            malignant = [.. Enumerable.Range(0, validation.Labels.Count).Where(i => LesionClasses.All[validation.Labels[i]].Malignant).Take(50)];
        foreach ((int i, DateTimeOffset time) in first.Select(i => (i, monday)).Concat(malignant.Select(i => (i, monday.AddDays(7)))))
        {
            double[] p = validation.Probabilities[i];
            Write($"{time:MMdd}-{i}", new($"{time:MMdd}-{i}", LesionClasses.Codes[validation.Labels[i]], time.AddDays(3), time, Answer(p) with
            {
                Triage = rule.TriageOf(p, hasWarnings: false),
                Set = new(0.9, rule.SetOf(p)),
                Suitability = new(i % 2 == 0 ? 0.9 : Package.Manifest.Suitability!.WarnBelow / 2, Package.Manifest.Suitability!.WarnBelow,
                    Package.Manifest.Suitability.RefuseBelow),
            }));
        }

        var done = await LentigoConsole.RunAsync("evaluate", "--model", PublishTests.Model(), "--feedback", _folder.Path);
        Assert.True(done.ExitCode == 0, done.Error);
        int[] all = [.. first, .. malignant];
        double accuracy = all.Average(i => Array.IndexOf(validation.Probabilities[i], validation.Probabilities[i].Max()) == validation.Labels[i] ? 1.0 : 0);
        Assert.Contains(Invariant($"right {accuracy:0.000}"), Squeezed(done.Output), StringComparison.Ordinal);
        int[] melanomas = [.. all.Where(i => validation.Labels[i] == LesionClasses.Melanoma)];
        double referred = melanomas.Average(i => rule.TriageOf(validation.Probabilities[i], false).Recommendation == Triage.Refer ? 1.0 : 0);
        Assert.Contains(Invariant($"melanomas referred {referred:0.000}"), Squeezed(done.Output), StringComparison.Ordinal);
        CalibrationErrors errors = CalibrationErrors.Compute([.. all.Select(i => validation.Labels[i])], [.. all.Select(i => validation.Probabilities[i])]);
        Assert.Contains(Invariant($"expected calibration error {errors.ExpectedCalibrationError:0.000} (15 bins)"), done.Output, StringComparison.Ordinal);
        double[] reference = [.. validation.Probabilities.Select(LesionClasses.MalignantProbability)];
        double drift = PopulationStability.Index(reference, [.. malignant.Select(i => reference[i])])!.Value;
        Assert.True(drift > 0.25);
        Assert.Matches(Invariant($"2026-W46 50 \\S+ \\S+ {drift:0.000} "), Squeezed(done.Output));
        Assert.Matches("2026-W45 200 .* 0.500", Squeezed(done.Output));
    }

    [Fact]
    public async Task Feedback_about_another_version_is_left_out_and_what_is_none_is_named()
    {
        var nothing = await LentigoConsole.RunAsync("evaluate", "--model", PublishTests.Model(), "--feedback", _folder.Path);
        Assert.Equal((1, true), (nothing.ExitCode, nothing.Error.Contains("There is no feedback about lentigo-fast", StringComparison.Ordinal)));
        Write("other", new("other", "mel", DateTimeOffset.UnixEpoch, null, Answer([0, 0, 0, 0, 1, 0, 0]) with { Model = new("lentigo-fast", "0") }));
        var other = await LentigoConsole.RunAsync("evaluate", "--model", PublishTests.Model(), "--feedback", _folder.Path);
        Assert.Contains("1 of 1 documents are about other models or versions and left out: lentigo-fast 0.", other.Output, StringComparison.Ordinal);
        foreach (string bad in (string[])["{", "{}", """{ "id": "a", "diagnosis": "mole", "time": "2026-01-01T00:00:00Z", "answer": null }"""])
        {
            File.WriteAllText(_folder["bad.json"], bad);
            var refused = await LentigoConsole.RunAsync("evaluate", "--model", PublishTests.Model(), "--feedback", _folder.Path);
            Assert.Equal((1, true), (refused.ExitCode, refused.Error.Contains("bad.json is no feedback", StringComparison.Ordinal)));
        }

        var both = await LentigoConsole.RunAsync("evaluate", "--model", PublishTests.Model(), "--feedback", _folder.Path, "--data", _folder.Path);
        Assert.Equal(2, both.ExitCode);
        var neither = await LentigoConsole.RunAsync("evaluate", "--model", PublishTests.Model());
        Assert.Equal((2, true), (neither.ExitCode, neither.Error.Contains("--data", StringComparison.Ordinal)));
    }

    private static Prediction Answer(double[] probabilities)
    {
        IReadOnlyList<ClassProbability> ranked = Prediction.Rank(probabilities);
        return new() { Id = "x", Label = ranked[0], Probabilities = ranked, Warnings = [], Members = [],
            Model = new(Package.Manifest.Name, Package.Manifest.Version) };
    }

    private void Write(string name, FeedbackRecord record) =>
        File.WriteAllBytes(_folder[name + ".json"], JsonSerializer.SerializeToUtf8Bytes(record, LentigoJson.Default.FeedbackRecord));

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    private static string Squeezed(string text) => System.Text.RegularExpressions.Regex.Replace(text, " +", " ");
}
