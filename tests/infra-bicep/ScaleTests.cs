using System.Text.Json.Nodes;
using Lentigo.Scale;

namespace Lentigo.InfraBicep.Tests;

/// <summary>docs/scale.md is what its program prints, and the simulation behind it does what a queue does.</summary>
public sealed class ScaleTests
{
    private static readonly Inputs Given = Inputs.Read(Repository.Root);

    [Fact]
    public async Task The_page_and_its_plot_are_what_the_program_writes()
    {
        foreach ((string file, string text) in new[] { ("docs/scale.md", Page.Markdown(Given)), ("docs/scale.svg", Page.Plot(Given)) })
        {
            if (Repository.Updates)
            {
                await File.WriteAllTextAsync(Path.Combine(Repository.Root, file), text, TestContext.Current.CancellationToken);
            }

            Assert.Equal(text, Repository.Read(file));
        }
    }

    [Fact]
    public void Every_input_names_its_source()
    {
        Assert.All(Given.Packages, p => Assert.NotEmpty(p.Source));
        JsonNode inputs = JsonNode.Parse(Repository.Read("docs/scale/inputs.json"))!;
        string[] numbers = [.. inputs["replica"]!.AsObject().Select(p => $"replica.{p.Key}"), .. new[] { "platform", "limits" }.SelectMany(part => inputs[part]!.AsObject().Where(p => p.Key != "source").Select(p => $"{part}.{p.Key}"))];
        Assert.Equal(numbers.Order(StringComparer.Ordinal), Given.Sources.Keys.Order(StringComparer.Ordinal));
        Assert.All(Given.Sources.Values, s => Assert.Matches(@"/|\.json|\.bicep|^not checked|^counted", s));
        Assert.All([Given.Prices.Source, Given.Platform.Source, Given.Limits.Source, Given.Day.Source, Given.Training.Source], Assert.NotEmpty);
    }

    [Fact]
    public void A_day_brings_the_images_that_it_is_meant_to_with_most_of_them_in_the_morning()
    {
        double[] rate = Given.Day.Rate(100_000), arrivals = Given.Day.Arrivals(100_000);
        Assert.Equal(100_000, rate.Sum(), 1e-3);
        Assert.InRange(arrivals.Sum(), 99_000, 101_000);
        Assert.Equal(Given.Day.PeakHour, Array.IndexOf(rate, rate.Max()) / 3600.0, 0.01);
        Assert.Equal(arrivals, Given.Day.Arrivals(100_000));
    }

    [Fact]
    public void Enough_replicas_leave_nothing_waiting_and_too_few_a_queue_that_is_told()
    {
        double[] arrivals = Given.Day.Rate(10_000_000);
        Simulation enough = Simulation.Run(arrivals, 100, 0.02, Given.Platform, 1, 8), few = Simulation.Run(arrivals, 100, 0.02, Given.Platform, 1, 3);
        Assert.True(enough.P95Seconds < 10 && enough.Depth[^1] < 100, $"{enough.P95Seconds} s, {enough.Depth[^1]} left");
        Assert.True(few.P95Seconds > 600 && few.Depth.Max() > 100_000, $"{few.P95Seconds} s, {few.Depth.Max()} waiting");
        Assert.True(few.Replicas.Max() == 3);
    }

    [Fact]
    public void A_rule_that_wants_more_messages_than_cores_takes_busy_replicas_away()
    {
        double[] arrivals = Given.Day.Rate(10_000_000);
        Simulation cores = Simulation.Run(arrivals, 100, 0.02, Given.Platform, 1, 8), many = Simulation.Run(arrivals, 100, 0.02, Given.Platform with { MessagesPerReplica = 16 }, 1, 8);
        Assert.True(many.P95Seconds > 5 * cores.P95Seconds, $"{many.P95Seconds} s, {cores.P95Seconds} s");
    }

    [Fact]
    public void A_slower_package_needs_more_replicas()
    {
        double[] arrivals = Given.Day.Arrivals(10_000_000);
        Assert.InRange(Simulation.FewestReplicas(arrivals, 50, 0.04, Given.Platform, 1, 10), Simulation.FewestReplicas(arrivals, 100, 0.02, Given.Platform, 1, 10) + 1, 100);
    }

    [Fact]
    public void An_app_that_sleeps_makes_the_first_image_wait_for_a_look_at_the_queue_and_a_start()
    {
        double[] arrivals = new double[Day.Seconds];
        arrivals[3601] = 1;
        Simulation asleep = Simulation.Run(arrivals, 100, 0.02, Given.Platform, 0, 1), awake = Simulation.Run(arrivals, 100, 0.02, Given.Platform, 1, 1);
        Assert.InRange(asleep.P95Seconds - awake.P95Seconds, Given.Platform.StartSeconds, Given.Platform.StartSeconds + Given.Platform.PollSeconds);
        Assert.InRange(asleep.Replicas.Sum(), 300, 2000);
        Assert.Equal(Day.Seconds, awake.Replicas.Sum());
    }

    [Fact]
    public void The_inputs_agree_with_the_templates_and_the_host()
    {
        string app = Repository.Read("infra-bicep/modules/functions-app.bicep");
        Assert.Contains("queueLength: resources[options.compute].cpu\n", app, StringComparison.Ordinal);
        Assert.Equal(Given.Replica["cpu"].VCpu, Given.Platform.MessagesPerReplica);
        foreach ((string kind, Replica replica) in Given.Replica)
        {
            Assert.Matches($@"  {kind}: \{{\s+cpu: {replica.VCpu}\s+memory: '{replica.Gib}Gi'", app);
        }

        Assert.Contains($"\"maxPollingInterval\": \"00:00:{Given.Platform.QueuePollSeconds:00}\"", Repository.Read("host.json"), StringComparison.Ordinal);
        string bench = Repository.Read("bench/README.md");
        Assert.All(Given.Training.Members, m => Assert.Contains($"| {m.Name.Split('@')[0]} | {m.ImagesPerSecond} |", bench, StringComparison.Ordinal));
    }
}
