namespace Lentigo.Scale;

/// <summary>
/// A day of images through the queue, second by second: what arrives waits, replicas take it first come, first served, and the platform adds and
/// removes replicas by the length of the queue. What is done in a second is a number, not images one by one, so that ten million cost no more to simulate than a thousand.
/// </summary>
public sealed class Simulation
{
    private Simulation(double[] depth, int[] replicas, double p95, double mean)
    {
        Depth = depth;
        Replicas = replicas;
        P95Seconds = p95;
        MeanSeconds = mean;
    }

    /// <summary>Images waiting, at each second.</summary>
    public IReadOnlyList<double> Depth { get; }

    /// <summary>Replicas that run, and are paid for, at each second.</summary>
    public IReadOnlyList<int> Replicas { get; }

    /// <summary>Seconds from upload to result that 95 % of the images do not exceed.</summary>
    public double P95Seconds { get; }

    /// <summary>Mean seconds from upload to result.</summary>
    public double MeanSeconds { get; }

    /// <summary>Runs a day.</summary>
    /// <param name="arrivals">Images arriving in each second.</param>
    /// <param name="imagesPerSecond">What one replica classifies.</param>
    /// <param name="serviceSeconds">How long one image takes by itself.</param>
    /// <param name="platform">How the platform scales.</param>
    /// <param name="minReplicas">Replicas that are always there.</param>
    /// <param name="maxReplicas">Most replicas at once.</param>
    public static Simulation Run(double[] arrivals, double imagesPerSecond, double serviceSeconds, Platform platform, int minReplicas, int maxReplicas)
    {
        // A second day follows, with the same arrivals, so that what is waiting at midnight is answered.
        int seconds = arrivals.Length;
        double[] depth = new double[seconds];
        int[] replicas = new int[seconds];
        double[] departed = new double[(2 * seconds) + 1];
        double waiting = 0;
        int ready = minReplicas, paid = minReplicas;
        Queue<(int At, int Count)> starting = [];
        Queue<int> lately = [];
        for (int second = 0; second < 2 * seconds; second++)
        {
            while (starting.Count > 0 && starting.Peek().At <= second)
            {
                ready += starting.Dequeue().Count;
            }

            waiting += arrivals[second % seconds];
            double done = Math.Min(waiting, ready * imagesPerSecond);
            waiting -= done;
            departed[second + 1] = departed[second] + done;
            if (second % platform.PollSeconds == 0)
            {
                // What the host has taken from the queue and not finished counts as much as what waits (Little's law).
                double messages = waiting + (done * serviceSeconds);
                int wanted = Math.Clamp((int)Math.Ceiling(messages / platform.MessagesPerReplica), minReplicas, maxReplicas);
                if (wanted > paid)
                {
                    // Never more than twice as many at once, four at least: the platform grows in steps.
                    int more = Math.Min(wanted, Math.Max(4, 2 * paid)) - paid;
                    starting.Enqueue((second + platform.StartSeconds, more));
                    paid += more;
                }

                // Down to the most that was wanted lately.
                lately.Enqueue(wanted);
                if (lately.Count > platform.CooldownSeconds / platform.PollSeconds)
                {
                    lately.Dequeue();
                }

                if (lately.Max() < paid && starting.Count == 0)
                {
                    paid = ready = lately.Max();
                }
            }

            if (second < seconds)
            {
                depth[second] = waiting;
                replicas[second] = paid;
            }
        }

        (double p95, double mean) = Waits(arrivals, departed);
        double alone = platform.DeliverySeconds + (platform.QueuePollSeconds / 2) + serviceSeconds;
        return new(depth, replicas, p95 + alone, mean + alone);
    }

    /// <summary>The fewest replicas at most with which 95 % of the images are answered in time.</summary>
    public static int FewestReplicas(double[] arrivals, double imagesPerSecond, double serviceSeconds, Platform platform, int minReplicas, double inTimeSeconds)
    {
        for (int most = Math.Max(1, minReplicas); ; most++)
        {
            if (most * imagesPerSecond > arrivals.Average() && Run(arrivals, imagesPerSecond, serviceSeconds, platform, minReplicas, most).P95Seconds <= inTimeSeconds)
            {
                return most;
            }

            if (most > 1000)
            {
                throw new InvalidOperationException("Not even 1,000 replicas, the platform's limit, answer in time.");
            }
        }
    }

    // First come, first served: what arrives in a second leaves when as much has departed as had arrived by then.
    private static (double P95, double Mean) Waits(double[] arrivals, double[] departed)
    {
        List<(double Wait, double Images)> waits = [];
        double arrived = 0;
        int leaves = 0;
        for (int second = 0; second < arrivals.Length; second++)
        {
            arrived += arrivals[second];
            while (leaves < departed.Length - 1 && departed[leaves] < arrived - 1e-6)
            {
                leaves++;
            }

            waits.Add((Math.Max(0, leaves - second - 1), arrivals[second]));
        }

        double below = 0, p95 = 0;
        foreach ((double wait, double images) in waits.OrderBy(w => w.Wait))
        {
            below += images;
            p95 = wait;
            if (below >= 0.95 * arrived)
            {
                break;
            }
        }

        return (p95, waits.Sum(w => w.Wait * w.Images) / arrived);
    }
}
