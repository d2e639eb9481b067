using System.Globalization;
using System.Text;

namespace Lentigo.Scale;

/// <summary>docs/scale.md and its plot, from the inputs.</summary>
public static class Page
{
    private const double InTime = 10;
    private static readonly double[] Volumes = [1_000, 100_000, 10_000_000];
    private static readonly int[] QueueLengths = [1, 2, 4, 8, 16];
    private static readonly string[] Kinds = ["cpu", "t4", "a100"];
    private static readonly CultureInfo Text = CultureInfo.InvariantCulture;

    /// <summary>The page.</summary>
    public static string Markdown(Inputs inputs)
    {
        StringBuilder page = new();
        Line(page, $"""
            # What so many images a day need

            Written by `dotnet run --project docs/scale` from `docs/scale/inputs.json`; change the inputs, not this page. It is arithmetic and a simulation: nothing here was
            deployed. Decision support, not a diagnosis.

            Milliseconds of one core for an image:

            | package | decoding | inference alone | in batches of 16 | source |
            | --- | --- | --- | --- | --- |
            """);
        foreach (Package package in inputs.Packages)
        {
            Line(page, $"| {package.Name} | {package.DecodeMs:0.0} | {package.InferenceMs:0.0} | {package.BatchedInferenceMs:0.0} | {package.Source} |");
        }

        Line(page, $"""

            ## A day on CPUs

            Uploads through Event Grid and the queue, replicas of {inputs.Replica["cpu"].VCpu:0} vCPU and {inputs.Replica["cpu"].Gib:0} GiB, images classified one by one, the day as {inputs.Day.Source}. `serving.maxReplicas`
            is the fewest with which 95 % of the images are answered within {InTime:0} s when `serving.minReplicas` is 1. With 0 the app sleeps when nothing comes, and the first image
            after that waits for a replica to start. The platform: {inputs.Platform.Source}.

            | package | images a day | most a second | `minReplicas` | `maxReplicas` | deepest queue | mean time to result | p95 | replica hours | dollars a day | dollars a million |
            | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
            """);
        foreach (Package package in inputs.Packages)
        {
            foreach (double volume in Volumes)
            {
                foreach (int min in new[] { 0, 1 })
                {
                    (Simulation day, int max, double peak) = Simulate(inputs, package, volume, min);
                    double hours = day.Replicas.Sum() / 3600.0, dollars = day.Replicas.Sum() * inputs.Prices.ContainerApps.Second("cpu", inputs.Replica["cpu"]);
                    Line(page, $"| {package.Name} | {volume:#,0} | {peak:0.00} | {min} | {max} | {day.Depth.Max():#,0} | {day.MeanSeconds:0} s | {day.P95Seconds:0} s | {hours:#,0.0} | {dollars:#,0.00} | {dollars / volume * 1e6:#,0.00} |");
                }
            }
        }

        Line(page, $"""

            Few images a day wait for a replica to start, not for a core: `serving.minReplicas` 1 is what moves their p95, at the price of a replica all day. Many images keep the app
            awake by themselves.

            ## What `queueLength` moves

            The scale rule wants a replica for so many messages, those that are being classified counted. An image takes milliseconds, so a replica at its limit holds no more messages than it
            has cores: a larger number lets the platform take replicas away that are busy, and a queue builds up until others have started. The template sets it to the cores of a replica.
            {inputs.Packages[^1].Name}, {Volumes[^1]:#,0} images a day, `minReplicas` 1:

            | `queueLength` | deepest queue | mean time to result | p95 | replica hours |
            | --- | --- | --- | --- | --- |
            {string.Join('\n', QueueLengths.Select(length => QueueLengthRow(inputs, length)))}

            ![Ten million images a day: arrivals, queue and replicas](scale.svg)

            ## The least that a million images cost

            Every core busy all the time, images in batches of 16. On a GPU only decoding is counted, as if the GPU took no time: no GPU was measured, so these are lower bounds, and
            decoding is what the cores of a GPU replica bound.

            | package | CPU: images a second | dollars a million | T4: at most | at least | A100: at most | at least |
            | --- | --- | --- | --- | --- | --- | --- |
            """);
        foreach (Package package in inputs.Packages)
        {
            string[] cells = [.. Kinds.SelectMany(kind =>
            {
                Replica replica = inputs.Replica[kind];
                double speed = replica.VCpu * 1000 / (package.DecodeMs + (kind == "cpu" ? package.BatchedInferenceMs : 0));
                return new[] { speed.ToString("#,0", Text), (inputs.Prices.ContainerApps.Second(kind, replica) / speed * 1e6).ToString("0.00", Text) };
            })];
            Line(page, $"| {package.Name} | {string.Join(" | ", cells)} |");
        }

        Line(page, $"""

            Prices: {inputs.Prices.Source}. A GPU pays only for a package whose inference takes much longer than decoding; `serving.compute` cpu is the cheaper choice for these.

            ## The first bottleneck

            | limit | a second | an image costs | images a second | images a day at this day's peak | what moves it |
            | --- | --- | --- | --- | --- | --- |
            """);
        double peakOfOne = inputs.Day.Rate(1).Max();
        Package heaviest = inputs.Packages.MaxBy(p => p.InferenceMs)!;
        (string Name, double Limit, double Cost, string Moves)[] limits =
        [
            ($"replicas: {inputs.Platform.MaxReplicas.ToString("#,0", Text)} of the platform, {heaviest.Name} on CPUs", inputs.Platform.MaxReplicas * Speed(inputs, heaviest), 1, "`serving.maxReplicas` (100 in the template), the quota of cores (100 an environment at first), `serving.compute`"),
            ("operations on one queue", inputs.Limits.QueueOperationsPerSecond, inputs.Limits.QueueOperationsPerImage, "a second account with its own environment: `LENTIGO_NAME`"),
            ("requests to one account", inputs.Limits.AccountRequestsPerSecond, inputs.Limits.AccountRequestsPerImage, "the same; names that begin with different characters spread over partitions"),
            ("events of one topic", inputs.Limits.EventGridEventsPerSecond, 1, "the same"),
            ("bytes into one account", inputs.Limits.IngressGigabitsPerSecond * 1e6 / 8, inputs.ImageKilobytes, "the same"),
        ];
        foreach ((string name, double limit, double cost, string moves) in limits.OrderBy(l => l.Limit / l.Cost))
        {
            Line(page, $"| {name} | {limit:#,0} | {cost:0.#} | {limit / cost:#,0} | {limit / cost / peakOfOne / 1e6:#,0} million | {moves} |");
        }

        Line(page, $"""

            {inputs.Limits.Source}.

            `serving.maxReplicas` of dev and prod is far below these: it is what a burst meets first, and there the queue waits, without loss.

            Where the numbers come from:

            | input | value | source |
            | --- | --- | --- |
            {string.Join('\n', inputs.Sources.Select(s => $"| `{s.Key}` | {inputs.Value(s.Key)} | {s.Value} |"))}

            ## Training

            {string.Join(", ", inputs.Training.Members.Select(m => m.Name))}, {inputs.Training.Members[0].Epochs} epochs each of {inputs.Training.Images * (1 - inputs.Training.ValidationShare):#,0} images at 64 px: {inputs.Training.Source}.

            On two threads of a CPU, as measured:

            | member | images a second | hours |
            | --- | --- | --- |
            """);
        foreach (Member member in inputs.Training.Members)
        {
            Line(page, $"| {member.Name} | {member.ImagesPerSecond:0.0} | {inputs.Training.Hours(member, member.ImagesPerSecond):0.00} |");
        }

        double together = inputs.Training.Members.Max(m => inputs.Training.Hours(m, m.ImagesPerSecond)), alone = inputs.Training.Members.Sum(m => inputs.Training.Hours(m, m.ImagesPerSecond));
        Line(page, $"""
            | one after the other | | {alone:0.00} |
            | each on a machine of its own | | {together:0.00} |

            On a GPU no speed was measured. What a run costs at a speed that the first epoch's log shows, spot, one machine after the other or `training.machines` {inputs.Training.Members.Count} at once, with {inputs.Training.StartMinutes:0} minutes
            to start each; `train.sh --all` starts them and has their members joined by `compose`:

            | images a second | hours, one machine | hours, {inputs.Training.Members.Count} machines | {string.Join(" | ", inputs.Training.Machines.SelectMany(k => new[] { $"{k[9..]}: dollars, one", "at once" }))} |
            | --- | --- | --- |{string.Concat(inputs.Training.Machines.Select(_ => " --- | --- |"))}
            """);
        foreach (double speed in inputs.Training.GpuImagesPerSecond)
        {
            double start = inputs.Training.StartMinutes / 60;
            double one = start + inputs.Training.Members.Sum(m => inputs.Training.Hours(m, speed)), many = start + inputs.Training.Members.Max(m => inputs.Training.Hours(m, speed));
            double paid = (start * inputs.Training.Members.Count) + inputs.Training.Members.Sum(m => inputs.Training.Hours(m, speed));
            Line(page, $"| {speed:#,0} | {one:0.00} | {many:0.00} | {string.Join(" | ", inputs.Training.Machines.Select(m => inputs.Prices.SpotHour[m]).SelectMany(p => new[] { (one * p).ToString("0.00", Text), (paid * p).ToString("0.00", Text) }))} |");
        }

        return page.ToString();
    }

    /// <summary>The plot of the busiest day, as SVG.</summary>
    public static string Plot(Inputs inputs)
    {
        Package package = inputs.Packages[^1];
        (Simulation day, int max, _) = Simulate(inputs, package, Volumes[^1], min: 1);
        double[] arrivals = inputs.Day.Arrivals(Volumes[^1]);
        (string Title, Func<int, double> Value)[] panels =
        [
            ("images arriving a second", s => arrivals[s]),
            ("images waiting in the queue", s => day.Depth[s]),
            ($"replicas, {max} at most", s => day.Replicas[s]),
        ];
        StringBuilder svg = new();
        Line(svg, $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {(panels.Length * 150) + 50}" font-family="sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="#ffffff"/>
            <text x="60" y="20" font-size="14">{package.Name}, {Volumes[^1]:#,0} images a day on CPUs</text>
            """);
        for (int p = 0; p < panels.Length; p++)
        {
            // A point for every two minutes, the highest in them: bursts must not fall between points.
            const int Step = 120;
            double[] values = [.. Enumerable.Range(0, Day.Seconds / Step).Select(i => Enumerable.Range(i * Step, Step).Max(panels[p].Value))];
            double most = Math.Max(1, values.Max());
            int top = 50 + (p * 150);
            string points = string.Join(' ', values.Select((v, i) => string.Create(Text, $"{60 + (640.0 * i / (values.Length - 1)):0.0},{top + 100 - (100 * v / most):0.0}")));
            Line(svg, $"""
                <text x="60" y="{top - 8}">{panels[p].Title}</text>
                <text x="54" y="{top + 6}" text-anchor="end">{most:#,0}</text>
                <text x="54" y="{top + 104}" text-anchor="end">0</text>
                <path d="M60 {top}V{top + 100}H700" fill="none" stroke="#767676"/>
                <polyline points="{points}" fill="none" stroke="#0b5394" stroke-width="1.5"/>
                """);
        }

        foreach (int hour in new[] { 0, 6, 12, 18, 24 })
        {
            Line(svg, $"""<text x="{60 + (640 * hour / 24)}" y="{(panels.Length * 150) + 30}" text-anchor="middle">{hour}:00</text>""");
        }

        Line(svg, $"</svg>");
        return svg.ToString();
    }

    private static (Simulation Day, int Max, double Peak) Simulate(Inputs inputs, Package package, double volume, int min)
    {
        double[] arrivals = inputs.Day.Arrivals(volume);
        double speed = Speed(inputs, package), service = (package.DecodeMs + package.InferenceMs) / 1000;
        int max = Simulation.FewestReplicas(arrivals, speed, service, inputs.Platform, 1, InTime);
        return (Simulation.Run(arrivals, speed, service, inputs.Platform, min, max), max, inputs.Day.Rate(volume).Max());
    }

    private static string QueueLengthRow(Inputs inputs, int length)
    {
        Package package = inputs.Packages[^1];
        double[] arrivals = inputs.Day.Arrivals(Volumes[^1]);
        double speed = Speed(inputs, package), service = (package.DecodeMs + package.InferenceMs) / 1000;
        int max = Simulation.FewestReplicas(arrivals, speed, service, inputs.Platform, 1, InTime);
        Simulation day = Simulation.Run(arrivals, speed, service, inputs.Platform with { MessagesPerReplica = length }, 1, max);
        return string.Create(Text, $"| {length} | {day.Depth.Max():#,0} | {day.MeanSeconds:0} s | {day.P95Seconds:0} s | {day.Replicas.Sum() / 3600.0:0.0} |");
    }

    private static double Speed(Inputs inputs, Package package) => inputs.Replica["cpu"].VCpu * 1000 / (package.DecodeMs + package.InferenceMs);

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(Text).ReplaceLineEndings("\n")).Append('\n');
}
