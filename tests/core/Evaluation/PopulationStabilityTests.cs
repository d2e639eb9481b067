using Lentigo.Core.Evaluation;

namespace Lentigo.Core.Tests.Evaluation;

public class PopulationStabilityTests
{
    private static readonly double[] Reference = [.. Enumerable.Range(0, 1000).Select(i => i / 1000.0)];

    [Fact]
    public void The_reference_itself_has_not_moved_and_half_of_it_has_by_a_hand_calculation()
    {
        Assert.Equal(0, PopulationStability.Index(Reference, Reference)!.Value, 12);
        // The upper half alone: five bins hold 0.2 instead of 0.1, five the least share instead of 0.1.
        double expected = (5 * 0.1 * Math.Log(2)) + (5 * (1e-4 - 0.1) * Math.Log(1e-4 / 0.1));
        Assert.Equal(expected, PopulationStability.Index(Reference, Reference[500..])!.Value, 9);
    }

    [Fact]
    public void Without_scores_there_is_no_index()
    {
        Assert.Null(PopulationStability.Index(Reference, []));
        Assert.Null(PopulationStability.Index([1, 2, 3], Reference));
    }
}
