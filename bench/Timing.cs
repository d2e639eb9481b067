using System.Diagnostics;

namespace Lentigo.Bench;

/// <summary>What the benchmarks share: peers take turns, so that a change of the machine's speed meets all of them.</summary>
internal static class Timing
{
    private const double SecondsATurn = 0.5;

    /// <summary>Runs the peers in turn, each again and again for half a second; a first round warms up.</summary>
    /// <param name="peers">What each does once.</param>
    /// <param name="rounds">The number of turns of each.</param>
    /// <returns>[peers][rounds]: how often a second each was done.</returns>
    public static double[][] InTurn(IReadOnlyList<Action> peers, int rounds)
    {
        double[][] speeds = [.. peers.Select(_ => new double[rounds])];
        for (int round = -1; round < rounds; round++)
        {
            for (int i = 0; i < peers.Count; i++)
            {
                long start = Stopwatch.GetTimestamp();
                int done = 0;
                do
                {
                    peers[i]();
                    done++;
                }
                while (Stopwatch.GetElapsedTime(start).TotalSeconds < SecondsATurn);
                if (round >= 0)
                {
                    speeds[i][round] = done / Stopwatch.GetElapsedTime(start).TotalSeconds;
                }
            }
        }

        return speeds;
    }

    /// <summary>The middle one of values; of an even number the upper of the two.</summary>
    public static double Median(IReadOnlyCollection<double> values) => values.Order().ElementAt(values.Count / 2);
}
