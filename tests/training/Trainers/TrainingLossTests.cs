using Lentigo.Training.Trainers;
using static TorchSharp.torch;

namespace Lentigo.Training.Tests.Trainers;

/// <summary>The loss, written out as the papers have it in double precision, against the tensors that train.</summary>
public sealed class TrainingLossTests
{
    private static readonly double[][] Logits = [[2, -1, 0.5], [-0.3, 0.1, 4], [1, 1, 1]];
    private static readonly int[] Labels = [0, 1, 2];

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(0.1, 0, 0)]
    [InlineData(0, 2, 0)]
    [InlineData(0, 0, 0.99)]
    [InlineData(0.05, 0.5, 0.9)]
    public void The_loss_is_the_papers_formula(double smoothing, double gamma, double beta)
    {
        int[] counts = [100, 10, 1];
        double[] weights = EffectiveNumberWeights(counts, beta);
        double numerator = 0, denominator = 0;
        for (int i = 0; i < Logits.Length; i++)
        {
            double sum = Logits[i].Sum(Math.Exp);
            for (int c = 0; c < 3; c++)
            {
                double p = Math.Exp(Logits[i][c]) / sum, target = (smoothing / 3) + (Labels[i] == c ? 1 - smoothing : 0);
                numerator -= target * weights[c] * Math.Pow(1 - p, gamma) * Math.Log(p);
                denominator += target * weights[c];
            }
        }

        using Tensor logits = tensor([.. Logits.SelectMany(r => r.Select(v => (float)v))], [3, 3]);
        using Tensor targets = TrainingLoss.Targets(Labels, 3, smoothing), classWeights = tensor(TrainingLoss.ClassWeights(counts, beta));
        Assert.Equal(numerator / denominator, TrainingLoss.Compute(logits, targets, classWeights, gamma).item<float>(), 1e-5);
    }

    [Fact]
    public void Class_weights_are_inverse_effective_numbers_with_mean_1_and_0_for_a_class_that_is_absent()
    {
        Assert.Equal([1, 1, 1], TrainingLoss.ClassWeights([5, 500, 7], 0));
        float[] weights = TrainingLoss.ClassWeights([4840, 0, 53], 0.999);
        double nevus = (1 - 0.999) / (1 - Math.Pow(0.999, 4840)), fibroma = (1 - 0.999) / (1 - Math.Pow(0.999, 53));
        Assert.Equal(fibroma / nevus, weights[2] / weights[0], 1e-3);
        Assert.Equal(0, weights[1]);
        Assert.Equal(2, weights[0] + weights[2], 1e-5);
    }

    [Fact]
    public void Smoothed_targets_are_distributions()
    {
        using Tensor targets = TrainingLoss.Targets([6, 0], 7, 0.07);
        float[] rows = targets.data<float>().ToArray();
        Assert.Equal(1, rows[..7].Sum(), 1e-6);
        Assert.Equal(0.94, rows[6], 1e-6);
        Assert.Equal(0.01, rows[8], 1e-6);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(2)]
    public void Focal_loss_of_an_answer_that_is_certain_has_a_gradient(double gamma)
    {
        using Tensor logits = tensor([100f, 0f, 0f], [1, 3], requires_grad: true);
        using Tensor targets = TrainingLoss.Targets([0], 3, 0), weights = ones(3);
        TrainingLoss.Compute(logits, targets, weights, gamma).backward();
        Assert.All(logits.grad!.data<float>().ToArray(), g => Assert.True(float.IsFinite(g), $"{g}"));
    }

    private static double[] EffectiveNumberWeights(int[] counts, double beta)
    {
        double[] weights = [.. counts.Select(n => (1 - beta) / (1 - Math.Pow(beta, n)))];
        return [.. weights.Select(w => w / weights.Average())];
    }
}
