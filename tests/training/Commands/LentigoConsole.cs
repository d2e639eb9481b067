using System.Diagnostics;
using System.Text;
using Lentigo.Training.Commands;

namespace Lentigo.Training.Tests.Commands;

/// <summary>The training program as its user meets it: arguments in, exit code and text out.</summary>
internal static class LentigoConsole
{
    /// <summary>
    /// The collection of the classes that draw nothing from the generator of this process and leave its console alone: they start the program by
    /// <see cref="Start"/>.
    /// </summary>
    public const string Processes = "Processes";

    /// <summary>Runs the verbs in this process.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments)
    {
        (TextWriter output, TextWriter error) = (Console.Out, Console.Error);
        using StringWriter said = new(), complained = new();
        Console.SetOut(TextWriter.Synchronized(said));
        Console.SetError(TextWriter.Synchronized(complained));
        try
        {
            int code = await CommandLine.RunAsync(Verbs.CreateRoot(), arguments);
            return (code, said.ToString(), complained.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }

    /// <summary>Starts the program as a process of its own, which may be stopped or killed.</summary>
    public static Running Start(IReadOnlyDictionary<string, string> variables, params string[] arguments)
    {
        // A shell that runs the tests in the background lets them, and what they start, ignore SIGINT; env gives the signal its meaning back.
        ProcessStartInfo start = new("env") { ArgumentList = { "--default-signal=INT", "dotnet" }, RedirectStandardOutput = true,
            RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Lentigo.Training.dll"));
        Array.ForEach(arguments, start.ArgumentList.Add);
        start.Environment["DOTNET_TieredPGO"] = "0"; // measuring itself to become faster takes it longer than it lives
        foreach ((string name, string value) in variables)
        {
            start.Environment[name] = value;
        }

        return new(Process.Start(start)!);
    }

    /// <summary>A started program.</summary>
    public sealed class Running : IDisposable
    {
        private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
        private readonly Process _process;
        private readonly StringBuilder _said = new();

        public Running(Process process)
        {
            _process = process;
            process.OutputDataReceived += Keep;
            process.ErrorDataReceived += Keep;
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        /// <summary>What it wrote so far, output and errors.</summary>
        public string Said
        {
            get
            {
                lock (_said)
                {
                    return _said.ToString();
                }
            }
        }

        /// <summary>Waits until it wrote a text.</summary>
        public async Task UntilItSaysAsync(string text)
        {
            Stopwatch waited = Stopwatch.StartNew();
            while (!Said.Contains(text, StringComparison.Ordinal))
            {
                Assert.False(_process.HasExited && !Said.Contains(text, StringComparison.Ordinal),
                    $"It ended with {(_process.HasExited ? _process.ExitCode : 0)} before it said '{text}': {Said}");
                Assert.True(waited.Elapsed < Patience, $"It did not say '{text}' in {Patience.TotalMinutes} minutes: {Said}");
                await Task.Delay(20);
            }
        }

        /// <summary>Sends a signal: INT, TERM or KILL.</summary>
        public async Task SignalAsync(string name)
        {
            using Process kill = Process.Start("kill", [$"-{name}", $"{_process.Id}"]);
            await kill.WaitForExitAsync();
        }

        /// <summary>Its exit code.</summary>
        public async Task<int> ExitCodeAsync()
        {
            await _process.WaitForExitAsync().WaitAsync(Patience);
            return _process.ExitCode;
        }

        public void Dispose()
        {
            if (!_process.HasExited)
            {
                _process.Kill(entireProcessTree: true);
            }

            _process.Dispose();
        }

        private void Keep(object sender, DataReceivedEventArgs line)
        {
            lock (_said)
            {
                _said.AppendLine(line.Data);
            }
        }
    }
}
