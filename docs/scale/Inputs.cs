using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lentigo.Scale;

/// <summary>What the page is computed from: <c>inputs.json</c>, each part with its source; <c>Sources</c> names where each number of Azure is documented.</summary>
public sealed record Inputs(
    IReadOnlyList<Package> Packages,
    double ImageKilobytes,
    IReadOnlyDictionary<string, Replica> Replica,
    Platform Platform,
    Limits Limits,
    IReadOnlyDictionary<string, string> Sources,
    Day Day,
    Training Training)
{
    /// <summary>Prices, which the cost table of infra-bicep/README.md uses too.</summary>
    public required Prices Prices { get; init; }

    /// <summary>An input by its path in <c>inputs.json</c>, such as <c>limits.queueOperationsPerSecond</c>, as the page shows it.</summary>
    public string Value(string path)
    {
        JsonNode node = path.Split('.').Aggregate(JsonSerializer.SerializeToNode(this, JsonSerializerOptions.Web)!, (n, name) => n[name] ?? throw new InvalidDataException($"inputs.json has no {path}."));
        return node is JsonObject parts ? string.Join(", ", parts.Select(p => $"{p.Key} {p.Value}")) : node.ToString();
    }

    /// <summary>Reads <c>docs/scale/inputs.json</c> and <c>infra-bicep/prices.json</c> of a checkout.</summary>
    public static Inputs Read(string root)
    {
        JsonNode inputs = JsonNode.Parse(File.ReadAllText(Path.Combine(root, "docs", "scale", "inputs.json")))!;
        inputs["prices"] = JsonNode.Parse(File.ReadAllText(Path.Combine(root, "infra-bicep", "prices.json")));
        return inputs.Deserialize<Inputs>(JsonSerializerOptions.Web)!;
    }
}

/// <summary>A model package: milliseconds of one core for an image, decoded, and classified alone or in batches of 16.</summary>
public sealed record Package(string Name, double DecodeMs, double InferenceMs, double BatchedInferenceMs, string Source);

/// <summary>What a replica has, beside a GPU.</summary>
public sealed record Replica(double VCpu, double Gib);

/// <summary>Dollars.</summary>
public sealed record Prices(ContainerAppsPrices ContainerApps, IReadOnlyDictionary<string, double> SpotHour, string Source);

/// <summary>Dollars an hour of Container Apps.</summary>
public sealed record ContainerAppsPrices(double VCpuHour, double GibHour, double T4Hour, double A100Hour)
{
    /// <summary>Dollars a second of a replica: <c>cpu</c>, <c>t4</c> or <c>a100</c>.</summary>
    public double Second(string kind, Replica replica) =>
        ((kind switch { "t4" => T4Hour, "a100" => A100Hour, _ => 0 }) + (replica.VCpu * VCpuHour) + (replica.Gib * GibHour)) / 3600;
}

/// <summary>How the platform scales: how often it looks at the queue, how many messages a replica should have, when it takes replicas away, how long one takes to start,
/// how long an event takes, how seldom the host looks at an empty queue, and how many replicas there can be.</summary>
public sealed record Platform(int PollSeconds, int MessagesPerReplica, int CooldownSeconds, int StartSeconds, double DeliverySeconds, double QueuePollSeconds, int MaxReplicas, string Source);

/// <summary>What Azure takes in a second, and what an image costs of it.</summary>
public sealed record Limits(
    double QueueOperationsPerSecond, double QueueOperationsPerImage, double AccountRequestsPerSecond, double AccountRequestsPerImage, double EventGridEventsPerSecond, double IngressGigabitsPerSecond, string Source);

/// <summary>How a day's images are spread: a share of them in a bell around an hour, the rest evenly.</summary>
public sealed record Day(double PeakHour, double PeakWidthHours, double PeakShare, int Seed, string Source)
{
    /// <summary>Seconds of a day.</summary>
    public const int Seconds = 86_400;

    /// <summary>Images that arrive in each second of a day: Poisson numbers around <see cref="Rate"/>, the same at each call.</summary>
    public double[] Arrivals(double imagesADay)
    {
        Random random = new(Seed);
        return [.. Rate(imagesADay).Select(rate => Poisson(random, rate))];
    }

    /// <summary>Images expected in each second of a day.</summary>
    public double[] Rate(double imagesADay)
    {
        double[] bell = [.. Enumerable.Range(0, Seconds).Select(s => Math.Exp(-Math.Pow(((s / 3600.0) - PeakHour) / PeakWidthHours, 2) / 2))];
        double sum = bell.Sum();
        return [.. bell.Select(b => imagesADay * ((PeakShare * b / sum) + ((1 - PeakShare) / Seconds)))];
    }

    // Knuth's product of uniform numbers, in parts that do not underflow.
    private static double Poisson(Random random, double mean)
    {
        double count = 0;
        for (double left = mean; left > 0; left -= 100)
        {
            double limit = Math.Exp(-Math.Min(left, 100)), product = random.NextDouble();
            for (; product > limit; product *= random.NextDouble())
            {
                count++;
            }
        }

        return count;
    }
}

/// <summary>A training run and where it runs.</summary>
public sealed record Training(
    double Images, double ValidationShare, IReadOnlyList<Member> Members, IReadOnlyList<double> GpuImagesPerSecond, IReadOnlyList<string> Machines, double StartMinutes, string Source)
{
    /// <summary>Hours that a member takes at so many images a second.</summary>
    public double Hours(Member member, double imagesPerSecond) => member.Epochs * Images * (1 - ValidationShare) / imagesPerSecond / 3600;
}

/// <summary>A member of the ensemble, and its images a second on two threads of a CPU.</summary>
public sealed record Member(string Name, int Epochs, double ImagesPerSecond);
