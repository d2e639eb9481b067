using System.Diagnostics;
using System.Globalization;
using Lentigo.Bench;
using Lentigo.Core;
using Lentigo.Training;
using Lentigo.Training.Networks;
using Lentigo.Training.Trainers;
using TorchSharp;
using static TorchSharp.torch;

// Training speed of each network against PyTorch eager: whole steps (forward, cross-entropy, backward, Adam) on one batch that lies in memory,
// both sides in turn so that a change of the machine's speed meets both.
//   dotnet run --project bench/training -c Release -- [networks] [rounds]
// Needs python3 with torch and torchvision (Debian: apt-get install python3-torch python3-torchvision libopenblas0); PYTHON names another interpreter.
const int Batch = 64, Size = 64, Threads = 2, Steps = 4;
NativeTuning.Apply();
string[] names = args.Length > 0 ? args[0].Split(',') : [.. MemberRegistry.All.Select(a => a.Name)];
int rounds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 9;
set_num_threads(Threads);

ProcessStartInfo start = new(Environment.GetEnvironmentVariable("PYTHON") ?? "python3", [Path.Combine(AppContext.BaseDirectory, "peer.py"), $"{Threads}"])
{
    RedirectStandardInput = true,
    RedirectStandardOutput = true,
};
foreach (string variable in NativeTuning.Variables)
{
    start.Environment.Remove(variable); // the peer runs as its users run it
}

using Process peer = Process.Start(start)!;
string Answer() => peer.StandardOutput.ReadLine()
    ?? throw new InvalidOperationException("The Python peer ended. It needs torch and torchvision (Debian: apt-get install python3-torch python3-torchvision libopenblas0); PYTHON names the interpreter.");
Console.WriteLine($"{Answer()}; TorchSharp {typeof(Tensor).Assembly.GetName().Version}. {Threads} threads, batch {Batch}, {Size} px, median of {rounds} rounds of {Steps} steps.");
Console.WriteLine($"{"network",-16} {"Lentigo",9} {"PyTorch",9} {"ratio",6}   {"PyTorch channels-last",21} {"ratio",6}   images/s");
foreach (string name in names)
{
    using Training training = new(MemberRegistry.Find(name));
    List<double> ours = [], theirs = [], theirsChannelsLast = [];
    for (int round = -1; round < rounds; round++) // the first warms up
    {
        double own = training.Run(Steps);
        await peer.StandardInput.WriteLineAsync($"{name} {Batch} {Size} {Steps}");
        double[] other = [.. Answer().Split(' ').Select(s => double.Parse(s, CultureInfo.InvariantCulture))];
        if (round >= 0)
        {
            ours.Add(own);
            theirs.Add(other[0]);
            theirsChannelsLast.Add(other[1]);
        }
    }

    // Ratios are taken round by round: both sides of one saw the same machine.
    double Speed(List<double> seconds) => Batch * Steps / Timing.Median(seconds);
    double Ratio(List<double> seconds) => Timing.Median([.. seconds.Zip(ours, (other, own) => other / own)]);
    Console.WriteLine($"{name,-16} {Speed(ours),9:f1} {Speed(theirs),9:f1} {Ratio(theirs),6:f2}   {Speed(theirsChannelsLast),21:f1} {Ratio(theirsChannelsLast),6:f2}");
}

peer.StandardInput.Close();
await peer.WaitForExitAsync();

/// <summary>Steps of training as <see cref="Trainer"/> makes them, on one batch.</summary>
internal sealed class Training : IDisposable
{
    private const int Batch = 64, Size = 64;
    private readonly nn.Module<Tensor, Tensor> _network;
    private readonly FlatParameters _flat;
    private readonly AdamW _optimizer;
    private readonly Tensor _images;
    private readonly Tensor _labels;

    public Training(MemberArchitecture architecture)
    {
        manual_seed(1);
        _network = architecture.Create(LesionClasses.Count, Size);
        _network.train();
        _flat = new(_network);
        _optimizer = new(_flat);
        _images = randn(Batch, 3, Size, Size).permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        _labels = nn.functional.one_hot(randint(0, LesionClasses.Count, [Batch], dtype: ScalarType.Int64), LesionClasses.Count).to(ScalarType.Float32);
    }

    public double Run(int steps)
    {
        Stopwatch clock = Stopwatch.StartNew();
        for (int i = 0; i < steps; i++)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor loss = -(_network.call(_images).log_softmax(1) * _labels).sum() / Batch;
            loss.backward();
            _optimizer.Step(1e-4, 0, 0.9, 0);
            _ = loss.item<float>();
        }

        return clock.Elapsed.TotalSeconds;
    }

    public void Dispose()
    {
        _network.Dispose();
        _optimizer.Dispose();
        _flat.Dispose();
        _images.Dispose();
        _labels.Dispose();
    }
}
