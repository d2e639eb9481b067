using Lentigo.Training.Data;
using static TorchSharp.torch;

namespace Lentigo.Training.Tests.Data;

public sealed class BatchSamplerTests
{
    private static readonly int[] Counts = [400, 200, 100, 50, 25, 1000, 10];

    [Theory]
    [InlineData(0)]
    [InlineData(0.5)]
    [InlineData(1)]
    public void Balance_by_class_draws_each_class_by_its_count_to_the_power(double power)
    {
        using LesionDataSet data = Classes();
        BatchSampler sampler = new(data, [.. Enumerable.Range(0, data.Count)], new() { Balance = "class", BalancePower = power });
        double total = Counts.Sum(c => Math.Pow(c, power));
        int[] drawn = data.ClassCounts(sampler.Epoch(1));
        Assert.Equal(data.Count, drawn.Sum());
        for (int c = 0; c < Counts.Length; c++)
        {
            double expected = Math.Pow(Counts[c], power) / total;
            Assert.Equal(expected, sampler.TrainedPrior[c], 1e-9);

            // Each image occurs its share rounded up or down, so a class is off by at most its number of images, and by chance much less.
            Assert.Equal(expected, (double)drawn[c] / data.Count, 0.02);
        }
    }

    [Fact]
    public void Without_balance_every_image_comes_once_an_epoch_in_another_order()
    {
        using LesionDataSet data = Classes();
        BatchSampler sampler = new(data, [.. Enumerable.Range(0, data.Count)], new());
        Assert.Equal(Enumerable.Range(0, data.Count), sampler.Epoch(1).Order());
        Assert.NotEqual(sampler.Epoch(1), sampler.Epoch(2));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("class")]
    public void A_source_of_weight_one_half_gives_half_as_many_images_and_counts_half_in_the_class_prior(string balance)
    {
        using LesionDataSet data = Classes();
        LesionRecord[] records = [.. data.Records.Select(r => r.Label == 5 ? r with { Weight = 0.5 } : r)]; // 500 instead of 1000 of the largest class
        using LesionDataSet weighed = new("weighed", records, data.Pixels.alias());
        BatchSampler sampler = new(weighed, [.. Enumerable.Range(0, data.Count)], new() { Balance = balance, BalancePower = 1 });
        int[] drawn = weighed.ClassCounts(sampler.Epoch(1));
        Assert.Equal((1285, 1285), (sampler.Length, drawn.Sum()));
        Assert.Equal(500, drawn[5], 1.0);
        Assert.Equal(400, drawn[0], 1.0);
        Assert.Equal(500.0 / 1285, sampler.TrainedPrior[5], 1e-9);
    }

    [Fact]
    public void Balance_by_stratum_says_which_class_is_missing_where()
    {
        LesionRecord[] records = [.. Enumerable.Range(0, 14).Select(i => new LesionRecord($"i{i}", i % 7, null, i == 4 ? "600x450" : "28"))];
        using LesionDataSet data = new("records", records, zeros([14, 1, 1, 3], dtype: ScalarType.Byte));
        TrainingException refused = Assert.Throws<TrainingException>(() => new BatchSampler(data, [.. Enumerable.Range(0, 14)], new() { Balance = "stratum" }));
        Assert.Contains("of the 600x450 px training images none is akiec", refused.Message, StringComparison.Ordinal);
    }

    private static LesionDataSet Classes() => new(
        "classes",
        [.. Counts.SelectMany((count, label) => Enumerable.Range(0, count).Select(i => new LesionRecord($"{label}_{i}", label, null, "28")))],
        zeros([Counts.Sum(), 1, 1, 3], dtype: ScalarType.Byte));
}
