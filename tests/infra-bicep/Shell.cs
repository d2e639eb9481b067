using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Lentigo.InfraBicep.Tests;

/// <summary>
/// Runs a script of infra-bicep with stand-ins for the programs that reach Azure: each writes down how it was called and
/// answers by the first of the test's patterns (of the shell's <c>case</c>) that fits.
/// </summary>
internal sealed partial class Shell : IDisposable
{
    private const string StandIn = """
        #!/usr/bin/env bash
        call="${0##*/} $*"
        printf '%s\n' "$call" >> "$STAND_IN_LOG"
        case "$call" in
        """;

    private readonly string folder = Directory.CreateTempSubdirectory("lentigo-shell-").FullName;
    private readonly List<(string Pattern, string Commands)> answers = [];
    private readonly Dictionary<string, string> environment = new() { ["LENTIGO_WAIT"] = "0" };

    public Shell(params string[] programs) => Programs = programs;

    public IReadOnlyList<string> Programs { get; }

    /// <summary>The calls, in order.</summary>
    public IReadOnlyList<string> Calls => File.Exists(Log) ? File.ReadAllLines(Log) : [];

    public string this[string name] => Path.Combine(folder, name);

    private string Log => this["calls.log"];

    public Shell Answer(string pattern, string commands)
    {
        answers.Add((pattern, commands));
        return this;
    }

    public Shell With(string variable, string value)
    {
        environment[variable] = value;
        return this;
    }

    /// <summary>Puts a program on the path.</summary>
    public Shell Install(string program, string text)
    {
        Directory.CreateDirectory(this["bin"]);
        string path = Path.Combine(this["bin"], program);
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return this;
    }

    /// <summary>Leaves a program of the system off the path, on which all others are that a script names.</summary>
    public Shell Without(string program)
    {
        string links = this["links"];
        Directory.CreateDirectory(links);
        IEnumerable<string> words = Directory.EnumerateFiles(Repository.Infra, "*.sh", SearchOption.AllDirectories).SelectMany(f => Word().Matches(File.ReadAllText(f))).Select(m => m.Value);
        foreach (string name in words.Append("bash").Append("env").Distinct().Where(n => n != program))
        {
            if (new[] { "/usr/local/bin", "/usr/bin", "/bin" }.Select(f => Path.Combine(f, name)).FirstOrDefault(File.Exists) is { } file)
            {
                File.CreateSymbolicLink(Path.Combine(links, name), file);
            }
        }

        return With("PATH", $"{this["bin"]}:{links}");
    }

    public int Count(string part) => Calls.Count(c => c.Contains(part, StringComparison.Ordinal));

    /// <summary>The calls that contain any of the parts, in order, as the parts they contain.</summary>
    public IEnumerable<string> Order(params string[] parts) => Calls.Select(c => parts.FirstOrDefault(p => c.Contains(p, StringComparison.Ordinal))).OfType<string>();

    public async Task<(int ExitCode, string Output)> RunAsync(string script, string arguments = "", string input = "", Func<Process, Task>? meanwhile = null)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/jq"), "The scripts need jq: apt-get install jq.");
        Directory.CreateDirectory(this["bin"]);
        foreach (string program in Programs)
        {
            Install(program, StandIn + "\n" + string.Concat(answers.Select(a => $"{a.Pattern}) {a.Commands} ;;\n")) + "esac\n");
        }

        ProcessStartInfo start = new("bash", ["-c", $"exec bash '{Path.Combine(Repository.Infra, script)}' {arguments}"]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string variable in start.Environment.Keys.Where(k => k.StartsWith("LENTIGO_", StringComparison.Ordinal)).ToArray())
        {
            start.Environment.Remove(variable);
        }

        start.Environment["PATH"] = $"{this["bin"]}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
        start.Environment["STAND_IN_LOG"] = Log;
        start.Environment["SCRATCH"] = folder;
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        if (meanwhile is not null)
        {
            await meanwhile(process);
        }

        using CancellationTokenSource patience = new(TimeSpan.FromMinutes(5));
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{script} does not end. Calls so far:\n{string.Join('\n', Calls)}");
        }

        return (process.ExitCode, await output + await errors);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [GeneratedRegex(@"[a-z][\w-]*")]
    private static partial Regex Word();
}
