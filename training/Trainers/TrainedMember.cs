using System.Text.Json;
using Lentigo.Training.Data;
using Lentigo.Training.Networks;
using Lentigo.Training.Weights;
using static TorchSharp.torch;

namespace Lentigo.Training.Trainers;

/// <summary>A trained member with the weights of its best epoch.</summary>
/// <param name="Name">Its name, unique in the ensemble.</param>
/// <param name="Architecture">The network's entry in the registry.</param>
/// <param name="Network">The network in evaluation mode, the class prior folded into its last layer.</param>
/// <param name="State">The state of its checkpoint.</param>
/// <param name="Epochs">Its epochs in order; empty where the run has no log.</param>
internal sealed record TrainedMember(
    string Name, MemberArchitecture Architecture, nn.Module<Tensor, Tensor> Network, TrainingState State, IReadOnlyList<EpochRecord> Epochs) : IDisposable
{
    private const string FoldSuffix = ".fold";

    /// <summary>In an ensemble of folds, the fold from 1 that the member was validated on; otherwise null.</summary>
    public int? Fold { get; init; }

    /// <summary>Loads the members of one or more runs, possibly from different machines.</summary>
    /// <param name="runs">The folders of <c>train --out</c>.</param>
    /// <returns>
    /// The members in the order of the runs, within a run in the order of training. A name that two runs of one split share gets the member's seed.
    /// </returns>
    /// <exception cref="TrainingException">A folder holds no finished member, or two members are the same.</exception>
    /// <exception cref="WeightsFileException">A checkpoint is damaged.</exception>
    public static IReadOnlyList<TrainedMember> LoadAll(IEnumerable<string> runs)
    {
        List<TrainedMember> members = [];
        foreach (string run in runs)
        {
            string checkpoints = Path.Combine(run, RunFiles.CheckpointFolder);
            string[] names = Directory.Exists(checkpoints)
                ? [.. Directory.EnumerateFiles(checkpoints, "*" + RunFiles.BestSuffix).Select(f => Path.GetFileName(f)[..^RunFiles.BestSuffix.Length])
                    .Where(n => !MemberSpec.IsPretraining(n))]
                : [];
            if (names.Length == 0)
            {
                throw new TrainingException($"{run} holds no trained member: there is no {RunFiles.CheckpointFolder}/<member>{RunFiles.BestSuffix}. Name a "
                    + "folder that was given to 'train --out'.");
            }

            IReadOnlyList<EpochRecord> log = ReadLog(Path.Combine(run, RunFiles.LogFileName));
            List<string> order = [.. log.Select(e => e.Member).Distinct()];
            foreach (string name in names.OrderBy(n => order.IndexOf(n) is >= 0 and int at ? at : int.MaxValue).ThenBy(n => n, StringComparer.Ordinal))
            {
                (nn.Module<Tensor, Tensor> network, TrainingState state) = Checkpoint.LoadBest(RunFiles.BestPath(checkpoints, name));
                members.Add(new(name, MemberRegistry.Find(state.Architecture), network, state, [.. log.Where(e => e.Member == name)]));
            }
        }

        return WithUniqueNames(members);
    }

    /// <summary>The epochs in a run's log. If an epoch was repeated after an interruption, the last record counts.</summary>
    /// <exception cref="TrainingException">The log is damaged.</exception>
    public static IReadOnlyList<EpochRecord> ReadLog(string path)
    {
        if (!File.Exists(path))
        {
            return [];
        }

        Dictionary<(string, int), EpochRecord> epochs = [];
        List<string> order = [];
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            try
            {
                using JsonDocument document = JsonDocument.Parse(line);
                if (document.RootElement.TryGetProperty("epoch", out _))
                {
                    EpochRecord record = document.Deserialize<EpochRecord>(TrainingJson.Options)!;
                    epochs[(record.Member, record.Epoch)] = record;
                    order.Add(record.Member);
                }
            }
            catch (JsonException e)
            {
                // A power failure may leave a partial last line; that epoch is then trained and logged again.
                if (number < File.ReadLines(path).Count())
                {
                    throw new TrainingException($"{path}, line {number}, is no line of a training log: {e.Message} Restore the log, or move it away to go on "
                        + "without learning curves.", e);
                }
            }
        }

        List<string> members = [.. order.Distinct()];
        return [.. epochs.Values.OrderBy(e => members.IndexOf(e.Member)).ThenBy(e => e.Epoch)];
    }

    /// <summary>
    /// Checks that members form an ensemble. Members of several folds get the fold's number, also in their names (<c>resnet18.fold2</c>), and are ordered by
    /// fold.
    /// </summary>
    /// <param name="members">The members.</param>
    /// <param name="data">The data set that all were trained on.</param>
    /// <param name="splits">The split that all were trained on, or the folds of one cross-validation.</param>
    /// <exception cref="TrainingException">
    /// They differ in data set, input size or flips, are of other splits, or the folds have different members or recipes.
    /// </exception>
    public static IReadOnlyList<TrainedMember> Together(IReadOnlyList<TrainedMember> members, LesionDataSet data, IReadOnlyList<DataSetSplit> splits)
    {
        TrainedMember first = members[0];
        foreach (TrainedMember member in members)
        {
            TrainingState state = member.State;
            string? fault = state.Recipe.Size != first.State.Recipe.Size
                ? $"it was trained at {state.Recipe.Size} px, {first.Name} at {first.State.Recipe.Size} px"
                : state.Recipe.Flips != first.State.Recipe.Flips
                    ? $"it was validated with flips '{state.Recipe.Flips}', {first.Name} with '{first.State.Recipe.Flips}'"
                : state.DataFingerprint != data.Fingerprint ? $"it was validated on another data set than {data.Name} as it is now"
                : splits.All(s => s.Fingerprint != state.SplitFingerprint)
                    ? "it was trained on another split, so that no validation image is new to all members"
                : !SamePrior(state.Prior, first.State.Prior) ? $"its probabilities are for another class prior than those of {first.Name}"
                : null;
            if (fault is not null)
            {
                throw new TrainingException($"{member.Name} cannot be a member: {fault}. Members of one ensemble are trained with the same --data to validate "
                    + "on, --size, --split, --fold, --prior and --flips, or the same members on every fold of one --split.");
            }
        }

        if (splits.Count == 1)
        {
            return members;
        }

        TrainedMember[][] folds = [.. splits.Select(s => members.Where(m => m.State.SplitFingerprint == s.Fingerprint)
            .OrderBy(m => m.Name, StringComparer.Ordinal).ToArray())];
        string[] Recipes(TrainedMember[] fold) => [.. fold.Select(m => $"{m.Name}: {m.State.Recipe}")];
        return folds.All(f => Recipes(f).SequenceEqual(Recipes(folds[0])))
            ? [.. folds.SelectMany((fold, i) => fold.Select(m => m with { Name = $"{m.Name}{FoldSuffix}{i + 1}", Fold = i + 1 }))]
            : throw new TrainingException(
                $"The folds differ in their members or recipes: {string.Join("; ", folds.Select((fold, i) => $"fold {i + 1} has {(fold.Length == 0 ? "none" : string.Join(", ", fold.Select(m => m.Name)))}"))}. Train every fold with the same options but --fold and --out.");
    }

    /// <summary>[7]: the class prior of the members' probabilities.</summary>
    public static IReadOnlyList<double> PriorOf(IReadOnlyList<TrainedMember> members, LesionDataSet data)
    {
        return members.Select(m => m.State.Prior).FirstOrDefault(p => p is not null) ?? TrainingImages.PriorOf(data);
    }

    /// <summary>The number of splits that members were trained on: one, or the folds of a cross-validation.</summary>
    public static int SplitsOf(IEnumerable<TrainedMember> members) => members.Select(m => m.State.SplitFingerprint).Distinct().Count();

    /// <summary>A member's name without its fold, common to the members of all folds.</summary>
    public static string NameInFold(string name, int? fold)
    {
        return fold is null ? name : name[..^$"{FoldSuffix}{fold}".Length];
    }

    /// <inheritdoc/>
    public void Dispose() => Network.Dispose();

    // Older checkpoints have no prior: theirs is that of the data set.
    private static bool SamePrior(IReadOnlyList<double>? a, IReadOnlyList<double>? b) => a is null || b is null || a.Zip(b)
        .All(p => Math.Abs(p.First - p.Second) < 1e-6);

    private static TrainedMember[] WithUniqueNames(List<TrainedMember> members)
    {
        bool Clash(TrainedMember a, TrainedMember b) => a.Name == b.Name && a.State.SplitFingerprint == b.State.SplitFingerprint;
        TrainedMember[] named = [.. members.Select(m => members.Count(o => Clash(o, m)) == 1 ? m
            : m with { Name = $"{m.Architecture.Name}@{m.State.Recipe.Seed}" })];
        string? twice = named.FirstOrDefault(m => named.Count(o => Clash(o, m)) > 1)?.Name;
        return twice is null
            ? named
            : throw new TrainingException($"Two of the runs hold the member {twice}. Members of one network need different seeds: train one of them with "
                + $"--members {twice.Split('@')[0]}@2.");
    }
}
