using System.Globalization;
using System.Text.Json;
using Lentigo.Training.Trainers;
using Lentigo.Training.Weights;
using Spectre.Console;

namespace Lentigo.Training.Commands;

/// <summary>Shows a training on the console (a live line on a terminal, plain lines elsewhere) and writes the JSON-lines log and the table of
/// epochs <c>metrics.csv</c> beside it, as Lightning's CSVLogger does.</summary>
internal sealed class TrainingConsole : ITrainingListener, IDisposable
{
    private static readonly TimeSpan LiveInterval = TimeSpan.FromMilliseconds(250), PlainInterval = TimeSpan.FromSeconds(30);

    private const string CsvFileName = "metrics.csv",
        CsvHeader = "member,epoch,lr,train_loss,val_loss,val_acc,val_balanced_acc,val_auc,best,images_per_second,seconds";

    private readonly StreamWriter _log;
    private readonly StreamWriter _csv;
    private readonly ProgressTask? _task;
    private DateTime _next = DateTime.MinValue;

    /// <summary>Logs to a file and shows progress in a task, or in plain lines where there is none.</summary>
    public TrainingConsole(string logPath, ProgressTask? task)
    {
        _log = new(logPath, append: true) { AutoFlush = true };
        string csv = Path.Combine(Path.GetDirectoryName(logPath)!, CsvFileName);
        bool isNew = !File.Exists(csv);
        _csv = new(csv, append: true) { AutoFlush = true };
        if (isNew)
        {
            _csv.WriteLine(CsvHeader);
        }

        _task = task;
    }

    public void OnStart(string member, StartWeightsReport? weights, int resumedEpoch)
    {
        foreach (string line in weights?.Lines() ?? [])
        {
            Line($"  {line}");
        }

        Line(resumedEpoch > 0 ? $"{member}: resumed after epoch {resumedEpoch}" : weights is null ? $"{member}: from random weights"
            : Describe(member, weights));
        _log.WriteLine(JsonSerializer.Serialize(new
        {
            Member = member,
            ResumedEpoch = resumedEpoch,
            Weights = weights is null ? null : new { weights.File, Loaded = weights.Loaded.Count, weights.Missing, weights.Unused, weights.Normalizations },
        }, TrainingJson.Options));
    }

    public void OnNote(string sentence)
    {
        Line(sentence);
        _log.WriteLine(JsonSerializer.Serialize(new { Note = sentence }, TrainingJson.Options));
    }

    public void OnProgress(TrainingProgress progress)
    {
        if (DateTime.UtcNow < _next)
        {
            return;
        }

        _next = DateTime.UtcNow + (_task is null ? PlainInterval : LiveInterval);
        string text = string.Create(
            CultureInfo.InvariantCulture,
            $"{progress.Member}  {progress.ImagesPerSecond:f0} images/s  loss {progress.Loss:f3}  val {(progress.ValAccuracy is { } a ? $"{a:p1}" : "-")}  "
                + $"left {progress.TimeLeft:h\\:mm\\:ss}");
        if (_task is null)
        {
            Console.WriteLine($"  step {progress.Step}/{progress.Steps}  {text}");
            return;
        }

        _task.MaxValue = progress.Steps;
        _task.Value = progress.Step;
        _task.Description = Markup.Escape(text);
    }

    public void OnEpoch(EpochRecord epoch)
    {
        _log.WriteLine(JsonSerializer.Serialize(epoch, TrainingJson.Options));
        _csv.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{epoch.Member},{epoch.Epoch},{epoch.LearningRate:g6},{epoch.TrainLoss:f6},{epoch.Val.Loss:f6},{epoch.Val.Accuracy:f6},{epoch.Val.BalancedAccuracy:f6},{epoch.Val.MacroAuc:f6},{(epoch.Best ? 1 : 0)},{epoch.ImagesPerSecond:f1},{epoch.Seconds:f2}"));
        string strata = epoch.Strata.Count < 2
            ? ""
            : "  [" + string.Join("; ", epoch.Strata.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => $"{s.Key} px: {Describe(s.Value)}")) + "]";
        Line($"{epoch.Member} epoch {epoch.Epoch}: loss {epoch.TrainLoss:f4}, val {Describe(epoch.Val)}{strata}, {epoch.ImagesPerSecond:f0} images/s, "
            + $"{epoch.Seconds:f0} s{(epoch.Best ? ", best" : "")}");
    }

    public void Dispose()
    {
        _log.Dispose();
        _csv.Dispose();
    }

    private void Line(string text)
    {
        if (_task is null)
        {
            Console.WriteLine(text); // AnsiConsole would break lines at 80 columns
        }
        else
        {
            AnsiConsole.MarkupLine(Markup.Escape(text));
        }
    }

    private static string Describe(ValidationRecord val) =>
        $"loss {val.Loss:f4} accuracy {val.Accuracy:f4} balanced {val.BalancedAccuracy:f4} AUC {val.MacroAuc:f4}";

    /// <summary>Summarizes the initial weights in one line.</summary>
    public static string Describe(string member, StartWeightsReport weights) =>
        $"{member}: from {Path.GetFileName(weights.File)}: {weights.Loaded.Count} tensors loaded"
        + (weights.Normalizations > 0 ? $", {weights.Normalizations} batch normalizations set from activations" : "")
        + $"; {weights.Missing.Count} parameters stay random{Listed(weights.Missing)}; {weights.Unused.Count} of the file unused{Listed(weights.Unused)}";

    private static string Listed(IReadOnlyList<string> names) => names.Count == 0 ? "" : $" ({string.Join(", ", names)})";
}
