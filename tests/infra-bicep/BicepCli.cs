using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Lentigo.InfraBicep.Tests;

/// <summary>The Bicep CLI as servers (<c>bicep jsonrpc</c>): started once, since starting takes longer than any answer, and two, for two processors.</summary>
public sealed class BicepCli : IAsyncDisposable
{
    private readonly Process[] processes;
    private readonly System.Collections.Concurrent.ConcurrentBag<Process> idle;
    private readonly SemaphoreSlim turn;
    private int requests;

    public BicepCli()
    {
        string program = Repository.Metadata("BicepPath");
        if (!File.Exists(program))
        {
            throw new FileNotFoundException($"The package Azure.Bicep.CommandLine.linux-x64 has no {program}; restore tests/infra-bicep.");
        }

        // NuGet does not unpack the executable bit.
        File.SetUnixFileMode(program, File.GetUnixFileMode(program) | UnixFileMode.UserExecute);
        ProcessStartInfo start = new(program, ["jsonrpc", "--stdio"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (string variable in start.Environment.Keys.Where(k => k.StartsWith("LENTIGO_", StringComparison.Ordinal)).ToArray())
        {
            start.Environment.Remove(variable); // parameter files read these
        }

        start.Environment["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1";
        start.Environment["DOTNET_TieredPGO"] = "0"; // measuring itself to become faster takes it longer than it lives
        processes = [Process.Start(start)!, Process.Start(start)!];
        idle = [.. processes];
        turn = new(processes.Length);
    }

    /// <summary>What the compiler and the linter say of a file and of those it uses, as <c>level code: message</c>.</summary>
    public async Task<IReadOnlyList<string>> DiagnosticsAsync(string path)
    {
        bool parameters = path.EndsWith(".bicepparam", StringComparison.Ordinal);
        JsonNode answer = await CallAsync(
            parameters ? "bicep/compileParams" : "bicep/compile",
            parameters ? new() { ["path"] = path, ["parameterOverrides"] = new JsonObject() } : new() { ["path"] = path });
        return [.. answer["diagnostics"]!.AsArray().Select(d => $"{d!["level"]} {d["code"]} at {d["source"]}: {d["message"]}")];
    }

    /// <summary>The template that a file compiles to.</summary>
    public async Task<JsonNode> CompileAsync(string path)
    {
        JsonNode answer = await CallAsync("bicep/compile", new() { ["path"] = path });
        return JsonNode.Parse((string?)answer["contents"] ?? throw new InvalidOperationException($"{path} does not compile: {answer["diagnostics"]}"))!;
    }

    /// <summary>The parameters that a parameter file compiles to.</summary>
    public async Task<JsonNode> ParametersAsync(string path)
    {
        JsonNode answer = await CallAsync("bicep/compileParams", new() { ["path"] = path, ["parameterOverrides"] = new JsonObject() });
        return JsonNode.Parse((string?)answer["parameters"] ?? throw new InvalidOperationException($"{path} does not compile: {answer["diagnostics"]}"))!;
    }

    /// <summary>The file as <c>bicep format</c> writes it.</summary>
    public async Task<string> FormatAsync(string path) => (string)(await CallAsync("bicep/format", new() { ["path"] = path }))["contents"]!;

    /// <summary>What a parameter file would deploy, resolved as far as that is possible without Azure.</summary>
    /// <exception cref="BicepException">The template refuses the parameters.</exception>
    public async Task<JsonNode> SnapshotAsync(string path)
    {
        JsonObject metadata = new() { ["subscriptionId"] = Guid.Empty.ToString(), ["tenantId"] = Guid.Empty.ToString(), ["location"] = "swedencentral" };
        JsonNode snapshot = JsonNode.Parse((string)(await CallAsync("bicep/getSnapshot", new() { ["path"] = path, ["metadata"] = metadata }))["snapshot"]!)!;

        // The CLI writes the outputs in another order each time it is started.
        snapshot["outputs"] = new JsonObject(snapshot["outputs"]!.AsObject().OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => KeyValuePair.Create(o.Key, o.Value?.DeepClone())));
        return snapshot;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Process process in processes)
        {
            process.StandardInput.Close();
            using CancellationTokenSource patience = new(TimeSpan.FromSeconds(5));
            try
            {
                await process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
            }

            process.Dispose();
        }

        turn.Dispose();
    }

    private async Task<JsonNode> CallAsync(string method, JsonObject parameters)
    {
        await turn.WaitAsync();
        idle.TryTake(out Process? process);
        try
        {
            int id = Interlocked.Increment(ref requests);
            JsonObject request = new() { ["jsonrpc"] = "2.0", ["id"] = id, ["method"] = method, ["params"] = parameters };
            byte[] body = Encoding.UTF8.GetBytes(request.ToJsonString());
            Stream input = process!.StandardInput.BaseStream;
            await input.WriteAsync(Encoding.ASCII.GetBytes($"Content-Length: {body.Length}\r\n\r\n"));
            await input.WriteAsync(body);
            await input.FlushAsync();
            JsonNode answer = await ReadAsync(process.StandardOutput.BaseStream);
            return answer["error"] is { } error ? throw new BicepException((string)error["message"]!) : answer["result"]!;
        }
        finally
        {
            idle.Add(process!);
            turn.Release();
        }
    }

    private static async Task<JsonNode> ReadAsync(Stream output)
    {
        int length = 0;
        while (await ReadLineAsync(output) is { Length: > 0 } header)
        {
            if (header.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase))
            {
                length = int.Parse(header["Content-Length:".Length..], CultureInfo.InvariantCulture);
            }
        }

        byte[] body = new byte[length];
        await output.ReadExactlyAsync(body);
        return JsonNode.Parse(body)!;
    }

    private static async Task<string> ReadLineAsync(Stream stream)
    {
        List<byte> line = [];
        byte[] one = new byte[1];
        while (true)
        {
            await stream.ReadExactlyAsync(one);
            switch ((char)one[0])
            {
                case '\n': return Encoding.ASCII.GetString([.. line]);
                case '\r': break;
                default: line.Add(one[0]); break;
            }
        }
    }
}

/// <summary>The Bicep CLI refuses.</summary>
public sealed class BicepException(string message) : Exception(message);
