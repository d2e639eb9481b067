using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Lentigo.Functions.Local.Setup;

namespace Lentigo.Functions.Local.Tests;

/// <summary>The launcher as a process, running the test app from a folder of its own.</summary>
internal sealed class LauncherProcess : IAsyncDisposable
{
    private static readonly string Configuration = new DirectoryInfo(AppContext.BaseDirectory).Name;
    private static readonly string TestApp = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "Lentigo.TestApp", Configuration));
    private readonly StringBuilder log = new();
    private readonly string callsFolder;
    private readonly Process process;

    private LauncherProcess(string callsFolder, ProcessStartInfo start, int port)
    {
        this.callsFolder = callsFolder;
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        process = new() { StartInfo = start };
        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        Client = new() { BaseAddress = new($"http://localhost:{port}/") };
    }

    public HttpClient Client { get; }

    public string Log
    {
        get
        {
            lock (log)
            {
                return log.ToString();
            }
        }
    }

    /// <summary>What the test app was called with.</summary>
    public string[] Calls
    {
        get
        {
            string file = Path.Combine(callsFolder, "calls");
            return File.Exists(file) ? [.. File.ReadAllText(file).Split('\n', StringSplitOptions.RemoveEmptyEntries)] : [];
        }
    }

    /// <summary>Starts it and waits until it is ready.</summary>
    public static async Task<LauncherProcess> StartAsync(AzuriteFixture azurite, Settings? settings = null)
    {
        LauncherProcess launcher = Create(azurite, settings ?? new());
        await Eventually.TrueAsync(
            () => launcher.process.HasExited ? throw new InvalidOperationException($"It ended with {launcher.process.ExitCode}:\n{launcher.Log}") : launcher.Log.Contains("Ready:", StringComparison.Ordinal),
            () => $"the launcher. Its log:\n{launcher.Log}");
        return launcher;
    }

    /// <summary>Starts what is expected to fail, and gives its exit code and all that it wrote.</summary>
    public static async Task<(int ExitCode, string Output)> FailAsync(AzuriteFixture azurite, Settings settings)
    {
        await using LauncherProcess launcher = Create(azurite, settings);
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(2));
        await launcher.process.WaitForExitAsync(limit.Token);
        launcher.process.WaitForExit(); // until its output is read
        return (launcher.process.ExitCode, launcher.Log);
    }

    /// <summary>Runs the verb 'setup' for the test app, and gives its exit code and all that it wrote.</summary>
    public static async Task<(int ExitCode, string Output)> SetUpAsync(Dictionary<string, string> environment)
    {
        ProcessStartInfo start = new("dotnet") { ArgumentList = { typeof(Launcher).Assembly.Location, "setup", "--app", TestApp }, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process setup = Process.Start(start)!;
        Task<string> output = setup.StandardOutput.ReadToEndAsync(), errors = setup.StandardError.ReadToEndAsync();
        await setup.WaitForExitAsync();
        return (setup.ExitCode, await output + await errors);
    }

    /// <summary>Asks a process to stop.</summary>
    public static void Terminate(int id) => Send("TERM", id);

    public async Task UntilCalledAsync(Func<string[], bool> isEnough) => await Eventually.TrueAsync(() => isEnough(Calls), () => $"calls; there were:\n{string.Join("\n", Calls)}\nThe log:\n{Log}");

    /// <summary>Lets calls that wait go on.</summary>
    public void Release() => File.WriteAllText(Path.Combine(callsFolder, "release"), "");

    /// <summary>Sends a signal to the launcher.</summary>
    public void Signal(string signal) => Send(signal, process.Id);

    /// <summary>Kills the worker.</summary>
    public void KillWorker() => Send("KILL", WorkerId());

    /// <summary>The worker's process id.</summary>
    public int WorkerId()
    {
        using Process pgrep = Process.Start(new ProcessStartInfo("pgrep", ["-P", $"{process.Id}", "-f", "Lentigo.TestApp.dll"]) { RedirectStandardOutput = true })!;
        string output = pgrep.StandardOutput.ReadToEnd();
        pgrep.WaitForExit();
        return int.Parse(output.Trim(), System.Globalization.CultureInfo.InvariantCulture);
    }

    public async Task<int> UntilEndedAsync()
    {
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(2));
        await process.WaitForExitAsync(limit.Token);
        return process.ExitCode;
    }

    public static bool IsRunning(int id)
    {
        try
        {
            using Process found = Process.GetProcessById(id);
            return !found.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (!process.HasExited)
        {
            process.Kill(); // its worker ends with it
            await process.WaitForExitAsync();
        }

        process.Dispose();
    }

    private static LauncherProcess Create(AzuriteFixture azurite, Settings settings)
    {
        string calls = settings.CallsFolder ?? Directory.CreateTempSubdirectory("lentigo-calls-").FullName;
        string app = settings.AppFolder ?? TestApp;
        if (settings.HostJson is not null)
        {
            app = CopyOf(TestApp);
            File.WriteAllText(Path.Combine(app, "host.json"), settings.HostJson as string ?? JsonSerializer.Serialize(settings.HostJson));
            File.WriteAllText(Path.Combine(app, "local.settings.json"), JsonSerializer.Serialize(settings.LocalSettings ?? new { }));
        }

        ProcessStartInfo start = new("dotnet") { ArgumentList = { typeof(Launcher).Assembly.Location, "--app", app } };
        int port = settings.Port ?? Azurite.FreePort();
        Dictionary<string, string> environment = new()
        {
            ["DOTNET_TieredPGO"] = "0", // measuring itself to become faster takes it longer than it lives
            ["AzureWebJobsStorage"] = azurite.ConnectionString,
            ["AzureWebJobs.tick.Disabled"] = "true",
            ["AzureFunctionsWebHost__hostId"] = settings.HostId ?? $"test-{Guid.NewGuid():N}"[..32],
            ["Launcher__LocalHttpPort"] = $"{port}",
            ["TestApp__Folder"] = calls,
        };
        foreach ((string name, string value) in environment.Concat(settings.Environment))
        {
            start.Environment[name] = value;
        }

        return new(calls, start, port);
    }

    /// <summary>A folder below the output folder, since the launcher looks for the repository above the app.</summary>
    private static string CopyOf(string folder)
    {
        string copy = Path.Combine(AppContext.BaseDirectory, "apps", Guid.NewGuid().ToString("N"));
        foreach (string file in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(copy, Path.GetRelativePath(folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return copy;
    }

    private static void Send(string signal, int id)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", $"{id}"]);
        kill.WaitForExit();
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (log)
        {
            log.AppendLine(line.Data);
        }
    }

    /// <summary>How a launcher is started: what is null is the test's default.</summary>
    internal sealed record Settings
    {
        public Dictionary<string, string> Environment { get; init; } = [];

        public object? HostJson { get; init; }

        public object? LocalSettings { get; init; }

        public string? HostId { get; init; }

        public string? CallsFolder { get; init; }

        public string? AppFolder { get; init; }

        public int? Port { get; init; }
    }
}
