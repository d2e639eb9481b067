using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.Training.Commands;
using Spectre.Console;

namespace Lentigo.Training.Tests.Commands;

/// <summary>What a training leaves to read: the table of epochs, the tables of figures, and what a longer training says of its schedule.</summary>
public sealed class LogTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_training_that_is_resumed_with_more_epochs_trains_longer_says_what_that_does_to_the_schedule_and_logs_a_CSV()
    {
        SyntheticLesions.WriteHam10000(_folder["data"], perClass: 4, size: 40);
        string[] train = ["train", "--data", _folder["data"], "--out", _folder["run"], "--members", "vit_tiny", "--recipe", "strong", "--size", "32",
            "--batch", "8", "--no-cache", "--threads", "1"];
        var first = await LentigoConsole.RunAsync([.. train, "--epochs", "2"]);
        Assert.True(first.ExitCode == 0, first.Error);
        Assert.DoesNotContain("--limit", first.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("..", first.Output.Replace("...", "", StringComparison.Ordinal), StringComparison.Ordinal);

        var longer = await LentigoConsole.RunAsync([.. train, "--epochs", "3", "--resume"]);
        Assert.True(longer.ExitCode == 0, longer.Error);
        Assert.Contains("vit_tiny was planned for 2 epochs and now trains for 3: the one-cycle schedule is stretched over all of them, so the learning rate "
            + "continues at",
            longer.Output, StringComparison.Ordinal);
        string[] csv = File.ReadAllLines(_folder["run/metrics.csv"]);
        Assert.Equal("member,epoch,lr,train_loss,val_loss,val_acc,val_balanced_acc,val_auc,best,images_per_second,seconds", csv[0]);
        Assert.Equal(["vit_tiny,1", "vit_tiny,2", "vit_tiny,3"], csv.Skip(1).Select(l => string.Join(',', l.Split(',').Take(2))));
        Assert.All(csv, l => Assert.Equal(11, l.Split(',').Length));

        var shorter = await LentigoConsole.RunAsync([.. train, "--epochs", "2", "--resume"]);
        Assert.Equal(1, shorter.ExitCode);
        Assert.Contains("number of epochs, 3, which can become more and not fewer", shorter.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_tables_of_figures_fit_a_terminal_of_80_columns()
    {
        ModelPackage package = ModelPackage.Open(Path.GetFullPath(Path.Combine(RepositoryRoot(), "models", "lentigo")));
        int[] labels = [.. Enumerable.Range(0, 14).Select(i => i % 7)];
        ClassificationMetrics metrics =
            ClassificationMetrics.Compute(labels, [.. labels.Select(l => Enumerable.Range(0, 7).Select(c => c == l ? 0.4 : 0.1).ToArray())]);
        Dictionary<string, ClassificationMetrics> members = new() { ["mobilenet_v2@2"] = metrics, ["efficientnet_b0.fold2"] = metrics };
        EvaluationReport report = new("lentigo", "ham10000", "val", metrics, members) { Strata = new Dictionary<string,
            ClassificationMetrics> { ["600x450"] = metrics } };
        using StringWriter text = new();
        IAnsiConsole console = AnsiConsole.Create(new() { Out = new AnsiConsoleOutput(text), Ansi = AnsiSupport.No });
        console.Profile.Width = 80;
        foreach (Table table in EvaluationTables.Tables(report, package.Manifest))
        {
            console.Write(table);
        }

        Assert.All(text.ToString().Split('\n'), line => Assert.InRange(line.TrimEnd().Length, 0, 80));
        Assert.Contains("1.0000", text.ToString(), StringComparison.Ordinal); // no number is cut or broken
        Assert.DoesNotContain("…", text.ToString(), StringComparison.Ordinal);
        Assert.Contains(text.ToString().Split('\n'),
            line => line.Contains("mobilenet_v2@2", StringComparison.Ordinal) && line.Contains($"{metrics.LogLoss:f4}", StringComparison.Ordinal));
    }

    private static string RepositoryRoot([System.Runtime.CompilerServices.CallerFilePath] string path = "") =>
        Path.GetFullPath(Path.Combine(path, "..", "..", "..", ".."));
}
