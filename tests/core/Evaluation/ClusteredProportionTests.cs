using Lentigo.Core.Evaluation;

namespace Lentigo.Core.Tests.Evaluation;

public class ClusteredProportionTests
{
    [Fact]
    public void With_one_observation_a_cluster_it_is_wilsons_interval()
    {
        // Wilson 1927 for 8 of 10 and z = 1.96: 0.4902 to 0.9433. The variance between clusters has n - 1 in its denominator: that of nine observations here.
        bool[] hits = [.. Enumerable.Range(0, 1000).Select(i => i % 10 < 8)];
        ConfidenceInterval interval = ClusteredProportion.Of(hits, [.. Enumerable.Range(0, 1000)])!;
        Assert.Equal((0.8, 0.774, 0.824), (interval.Value, interval.Low, interval.High),
            (a, b) => Math.Abs(a.Item1 - b.Item1) + Math.Abs(a.Item2 - b.Item2) + Math.Abs(a.Item3 - b.Item3) < 0.003);
    }

    [Fact]
    public void Copies_within_a_cluster_add_nothing()
    {
        bool[] hits = [.. Enumerable.Range(0, 50).Select(i => i % 3 > 0)];
        ConfidenceInterval once = ClusteredProportion.Of(hits, [.. Enumerable.Range(0, 50)])!,
            thrice = ClusteredProportion.Of([.. hits, .. hits, .. hits], [.. Enumerable.Range(0, 150).Select(i => i % 50)])!;
        Assert.Equal((once.Low, once.High), (thrice.Low, thrice.High), (a, b) => Math.Abs(a.Item1 - b.Item1) + Math.Abs(a.Item2 - b.Item2) < 1e-9);
    }

    [Fact]
    public void All_hits_leave_room_for_doubt_and_no_observations_give_nothing()
    {
        ConfidenceInterval all = ClusteredProportion.Of([true, true, true, true], ["a", "a", "b", "c"])!;
        Assert.Equal((1.0, 1.0), (all.Value, all.High));
        Assert.InRange(all.Low, 0.3, 0.6); // three clusters
        Assert.Null(ClusteredProportion.Of<int>([], []));
        Assert.Throws<ArgumentException>(() => ClusteredProportion.Of([true], [1, 2]));
    }

    [Fact]
    public void Calibration_errors_are_those_of_a_hand_calculation()
    {
        // Two images of class 0, stated 0.9 and 0.6, one right: Brier ((0.1)^2 + 7 terms) / 2, log loss -(ln 0.9 + ln 0.4) / 2.
        CalibrationErrors errors = CalibrationErrors.Compute([0, 0], [[0.9, 0.1, 0, 0, 0, 0, 0], [0.4, 0.6, 0, 0, 0, 0, 0]]);
        Assert.Equal(((0.01 + 0.01) + (0.36 + 0.36)) / 2, errors.BrierScore, 12);
        Assert.Equal(-(Math.Log(0.9) + Math.Log(0.4)) / 2, errors.LogLoss, 12);
        Assert.Equal((0.1 + 0.6) / 2, errors.ExpectedCalibrationError, 12);
        Assert.Equal(15, errors.Bins);
    }
}
