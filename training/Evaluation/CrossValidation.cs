using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Training.Data;
using Lentigo.Training.Trainers;
using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.Training.Evaluation;

/// <summary>k-fold cross-validation on out-of-fold predictions: each image is predicted by the members that were validated on its fold.</summary>
/// <param name="Data">The data set's name.</param>
/// <param name="Split">How the folds were split: <c>lesion</c> or <c>image</c>.</param>
/// <param name="Folds">The number of folds.</param>
/// <param name="All">Metrics on all images, under the class prior of the data set.</param>
/// <param name="Uniform">Metrics on all images, with predictions re-weighted for equally frequent classes.</param>
/// <param name="Strata">Metrics by resolution; empty where there is only one.</param>
internal sealed record CrossValidation(string Data, string Split, int Folds, CrossValidatedFigures All, CrossValidatedFigures Uniform,
    IReadOnlyDictionary<string, CrossValidatedFigures> Strata)
{
    /// <summary>Pools the out-of-fold predictions of all folds.</summary>
    /// <param name="members">The members of all folds, in any order.</param>
    /// <param name="data">The data set that all were trained on.</param>
    /// <param name="splits">[k]: its folds.</param>
    /// <param name="device">Where the members compute.</param>
    /// <param name="cancellationToken">Stops between batches.</param>
    /// <exception cref="TrainingException">The folds differ in members or recipes, or a member was trained on another data set or split.</exception>
    public static CrossValidation Pool(IReadOnlyList<TrainedMember> members, LesionDataSet data, IReadOnlyList<DataSetSplit> splits,
        Device device, CancellationToken cancellationToken = default)
    {
        using DisposeScope scope = NewDisposeScope();
        int[] images = [.. splits.SelectMany(s => s.Val)];
        Dictionary<string, List<float[]>> logits = [];
        IReadOnlyList<double> prior = TrainedMember.PriorOf(members, data);
        foreach (TrainedMember member in TrainedMember.Together(members, data, splits))
        {
            using DisposeScope perMember = NewDisposeScope(); // the images on the device are freed after each member
            string name = TrainedMember.NameInFold(member.Name, member.Fold);
            logits.TryAdd(name, []);
            logits[name].AddRange(MemberLogits.Compute(member.Network.to(device), new(data, member.Architecture, device), splits[member.Fold!.Value - 1].Val,
                member.State.Recipe.Flips, cancellationToken: cancellationToken));
        }

        string[] names = [.. logits.Keys];
        double[][] ensemble = [.. images.Select((_, i) => EnsembleOutput.Softmax(EnsembleOutput.Mean([.. logits.Values.Select(rows => rows[i])]), 1))];
        double[][][] each = [.. logits.Values.Select(rows => rows.Select(row => EnsembleOutput.Softmax(row, 1)).ToArray())];
        LesionRecord[] records = [.. images.Select(i => data.Records[i])];
        CrossValidatedFigures Of(IEnumerable<int> chosen, IReadOnlyList<double> target)
        {
            int[] at = [.. chosen];
            int[] labels = [.. at.Select(i => records[i].Label)];
            string[] lesions = [.. at.Select(i => records[i].LesionOrId)];
            double[][] ensembleRows = [.. at.Select(i => ClassPrior.Reweigh(ensemble[i], prior, target))];
            double[][][] memberRows = [.. each.Select(rows => at.Select(i => ClassPrior.Reweigh(rows[i], prior, target)).ToArray())];
            return new(
                at.Length, ConfidenceIntervals.Compute(labels, ensembleRows, groups: lesions),
                names.Select((name, k) => (name, ConfidenceIntervals.Compute(labels, memberRows[k], groups: lesions))).ToDictionary(m => m.name, m => m.Item2),
                names.Select((name, k) => (name, ConfidenceIntervals.Difference(labels, ensembleRows, memberRows[k], groups: lesions)))
                    .ToDictionary(m => m.name, m => m.Item2));
        }

        string[] strata = [.. records.Select(r => r.Stratum).Distinct().Order(StringComparer.Ordinal)];
        return new(
            data.Name, splits[0].KindName, splits.Count, Of(Enumerable.Range(0, records.Length), prior),
                Of(Enumerable.Range(0, records.Length), ClassPrior.UniformShares),
            strata.Length < 2 ? new Dictionary<string,
                CrossValidatedFigures>() : strata.ToDictionary(s => s,
                s => Of(Enumerable.Range(0, records.Length).Where(i => records[i].Stratum == s), prior)));
    }
}
