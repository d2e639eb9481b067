using System.Diagnostics;
using System.Globalization;

namespace Lentigo.Bench.Serving;

/// <summary>What some seconds of calls on some connections gave.</summary>
/// <param name="Rate">Answers a second.</param>
/// <param name="Latencies">Milliseconds, in order.</param>
/// <param name="CpuMilliseconds">Processor time of the server an answer.</param>
internal sealed record Measured(double Rate, double[] Latencies, double CpuMilliseconds)
{
    /// <summary>So many of a hundred answers took no longer, in milliseconds.</summary>
    public double Percentile(double percent) => Latencies[Math.Min(Latencies.Length - 1, (int)(Latencies.Length * percent / 100))];
}

/// <summary>Calls again and again, on several connections, each as soon as it has its answer.</summary>
internal static class Load
{
    public static async Task<Measured> RunAsync(Func<Task> call, int connections, TimeSpan duration, Func<double> cpuSeconds)
    {
        List<double>[] latencies = [.. Enumerable.Range(0, connections).Select(_ => new List<double>())];
        double cpu = cpuSeconds();
        Stopwatch time = Stopwatch.StartNew();
        await Task.WhenAll(latencies.Select(async own =>
        {
            await Task.Yield();
            while (time.Elapsed < duration)
            {
                TimeSpan start = time.Elapsed;
                await call();
                own.Add((time.Elapsed - start).TotalMilliseconds);
            }
        }));
        double seconds = time.Elapsed.TotalSeconds;
        double[] all = [.. latencies.SelectMany(l => l).Order()];
        return new(all.Length / seconds, all, 1000 * (cpuSeconds() - cpu) / all.Length);
    }
}

/// <summary>A process and its descendants, as /proc tells of them.</summary>
internal sealed class ProcessTree(int id)
{
    private const double TicksASecond = 100; // USER_HZ of Linux

    /// <summary>The children of this process whose command line holds a text.</summary>
    public static ProcessTree Child(string text) => new(Processes().Single(p => p.Parent == Environment.ProcessId && CommandLine(p.Id).Contains(text, StringComparison.Ordinal)).Id);

    /// <summary>Processor time so far, in seconds.</summary>
    public double CpuSeconds() => Members().Sum(p => p.Ticks) / TicksASecond;

    /// <summary>Resident memory, in MB.</summary>
    public double Memory() => Members().Sum(p => Status(p.Id, "VmRSS:")) / 1000.0;

    /// <summary>The sum of the most that each process had, in MB.</summary>
    public double PeakMemory() => Members().Sum(p => Status(p.Id, "VmHWM:")) / 1000.0;

    private List<(int Id, int Parent, long Ticks)> Members()
    {
        List<(int Id, int Parent, long Ticks)> all = [.. Processes()], found = [.. all.Where(p => p.Id == id)];
        for (int i = 0; i < found.Count; i++)
        {
            // Azurite is a child of the launcher and no part of the service.
            found.AddRange(all.Where(p => p.Parent == found[i].Id && !CommandLine(p.Id).Contains("azurite", StringComparison.Ordinal)));
        }

        return found;
    }

    private static IEnumerable<(int Id, int Parent, long Ticks)> Processes()
    {
        foreach (string folder in Directory.GetDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out int process) && Read(Path.Combine(folder, "stat")) is { Length: > 0 } stat)
            {
                string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' '); // proc(5): from the third field on
                yield return (process, int.Parse(fields[1], CultureInfo.InvariantCulture), long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture));
            }
        }
    }

    private static string CommandLine(int process) => Read($"/proc/{process}/cmdline");

    private static long Status(int process, string field) =>
        Read($"/proc/{process}/status").Split('\n').FirstOrDefault(l => l.StartsWith(field, StringComparison.Ordinal)) is { } line
            ? long.Parse(line[field.Length..].Trim().Split(' ')[0], CultureInfo.InvariantCulture)
            : 0;

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (IOException)
        {
            return ""; // the process has ended
        }
    }
}
