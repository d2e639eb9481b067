using Lentigo.Core.Evaluation;

namespace Lentigo.Core.Tests.Evaluation;

public sealed class QuantilesTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.25, 1.75)]
    [InlineData(0.5, 2.5)]
    [InlineData(1, 4)]
    public void Quantiles_are_interpolated_as_by_NumPy(double share, double expected) => Assert.Equal(expected, Quantiles.Of([1, 2, 3, 4], share), 12);

    [Fact]
    public void The_quantile_of_a_single_value_is_that_value() => Assert.Equal(7, Quantiles.Of([7], 0.3));

    [Theory]
    [InlineData(0.1, 1)]
    [InlineData(0.2, 1)]
    [InlineData(0.21, 2)]
    [InlineData(0.9, 3)]
    public void Weighted_quantiles_count_weights_in_the_order_of_the_values(double share, double expected) =>
        Assert.Equal(expected, Quantiles.Weighted([3, 1, 2], [0.5, 0.2, 0.3], share));
}
