using System.Diagnostics;
using System.Text.RegularExpressions;
using Microsoft.OpenApi;
using Microsoft.OpenApi.Reader;

namespace Lentigo.EndToEnd.Tests;

/// <summary>The programs of docs/clients.md as they stand there, and public tools on the description of the API.</summary>
public sealed partial class ClientTests(SharedApp shared) : IDisposable
{
    private static readonly SemaphoreSlim Installation = new(1);
    private readonly string folder = Directory.CreateTempSubdirectory("lentigo-clients-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task The_program_in_CSharp_prints_a_line_for_each_image() => await AssertPrintsAsync("csharp", "client.cs", "dotnet", ["run", "client.cs", "--"]);

    [Fact]
    public async Task The_program_in_Python_prints_a_line_for_each_image()
    {
        Assert.SkipWhen(!IsInstalled("python3"), "There is no Python. Debian: apt-get install python3.");
        await AssertPrintsAsync("python", "client.py", "python3", ["client.py"]);
    }

    [Fact]
    public async Task The_program_in_TypeScript_compiles_strictly_and_prints_a_line_for_each_image()
    {
        string tools = await ToolsAsync();
        await WriteAsync("typescript", "client.ts");
        await File.WriteAllTextAsync(Path.Combine(folder, "package.json"), "{ \"type\": \"module\" }", Cancellation);
        string[] options = ["--strict", "--target", "es2022", "--module", "nodenext", "--types", "node", "--typeRoots", Path.Combine(tools, "node_modules", "@types")];
        await RunAsync(Path.Combine(tools, "node_modules", ".bin", "tsc"), [.. options, "client.ts"]);
        await AssertPrintsAsync(null, "client.js", "node", ["client.js"]);
    }

    [Fact]
    public async Task The_description_passes_a_linter_and_a_client_generated_from_it_compiles()
    {
        string tools = await ToolsAsync(), bin = Path.Combine(tools, "node_modules", ".bin");
        string text = await shared.App.Client.GetStringAsync(new Uri("api/openapi.json", UriKind.Relative), Cancellation);
        await File.WriteAllTextAsync(Path.Combine(folder, "openapi.json"), text, Cancellation);
        ReadResult read = OpenApiDocument.Parse(text, "json");
        Assert.True(read.Diagnostic!.Errors.Count + read.Diagnostic.Warnings.Count == 0, string.Join('\n', read.Diagnostic.Errors.Concat(read.Diagnostic.Warnings)));

        string lint = await RunAsync(Path.Combine(bin, "redocly"), ["lint", "openapi.json", "--extends", "recommended", "--format", "stylish"], ("REDOCLY_TELEMETRY", "off"));
        Assert.DoesNotMatch("[1-9][0-9]* (warning|error)", lint);

        await RunAsync(Path.Combine(bin, "openapi-typescript"), ["openapi.json", "-o", "lentigo.d.ts"]);
        await File.WriteAllTextAsync(Path.Combine(folder, "use.ts"), """
            import type { components, paths } from "./lentigo.js";
            type Prediction = components["schemas"]["Prediction"];
            export const advice = (answer: Prediction): string => answer.triage?.recommendation ?? "review";
            export const codes = (answer: Prediction): string[] => answer.probabilities.map(p => p.code);
            export const query: paths["/api/predict"]["post"]["parameters"]["query"] = { sensitivity: 0.98, suitability: "warn" };
            export const problem = (p: components["schemas"]["Problem"]): string => `${p.status} ${p.type}: ${p.detail}`;
            """, Cancellation);
        await RunAsync(Path.Combine(bin, "tsc"), ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", "--types", "node", "--typeRoots", Path.Combine(tools, "node_modules", "@types"), "use.ts"]);
    }

    /// <summary>Extracts a program, where it is not there yet, and runs it on two images and a text.</summary>
    private async Task AssertPrintsAsync(string? language, string file, string program, string[] arguments)
    {
        if (language is not null)
        {
            await WriteAsync(language, file);
        }

        await File.WriteAllBytesAsync(Path.Combine(folder, "a.jpg"), LesionFiles.Jpeg(), Cancellation);
        await File.WriteAllBytesAsync(Path.Combine(folder, "b.jpg"), LesionFiles.Jpeg(2), Cancellation);
        await File.WriteAllTextAsync(Path.Combine(folder, "c.jpg"), "no image", Cancellation);
        (string Name, string Value) address = ("LENTIGO_URL", shared.App.Address.ToString().TrimEnd('/'));
        string[] lines = (await RunAsync(program, [.. arguments, "a.jpg", "b.jpg", "c.jpg"], address)).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.Equal(3, lines.Length);
        Assert.Matches(@"^a\.jpg: (refer|review|routine), [a-z]+ 0\.\d{3}$", lines[0]);
        Assert.Matches(@"^b\.jpg: (refer|review|routine), [a-z]+ 0\.\d{3}$", lines[1]);
        Assert.StartsWith("c.jpg: urn:lentigo:problem:unsupported-image: The file's content is text", lines[2], StringComparison.Ordinal);
        string alone = Assert.Single((await RunAsync(program, [.. arguments, "c.jpg"], address)).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("c.jpg: urn:lentigo:problem:unsupported-image", alone, StringComparison.Ordinal);
    }

    private async Task WriteAsync(string language, string file)
    {
        string document = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs", "clients.md"), Cancellation);
        Match block = Assert.Single(Blocks().Matches(document), b => b.Groups[1].Value == language);
        await File.WriteAllTextAsync(Path.Combine(folder, file), block.Groups[2].Value, Cancellation);
    }

    private async Task<string> RunAsync(string program, string[] arguments, params (string Name, string Value)[] environment)
    {
        ProcessStartInfo start = new(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync(Cancellation);
        string output = await process.StandardOutput.ReadToEndAsync(Cancellation);
        await process.WaitForExitAsync(Cancellation);
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}:\n{output}\n{await errors}");
        return output;
    }

    /// <summary>The folder of the tools, which npm installs where they are missing.</summary>
    private static async Task<string> ToolsAsync()
    {
        string tools = Path.Combine(Repository.Root, "tests", "end-to-end", "openapi");
        await Installation.WaitAsync(Cancellation);
        try
        {
            if (!Directory.Exists(Path.Combine(tools, "node_modules", ".bin")))
            {
                using Process npm = Process.Start(new ProcessStartInfo("npm", ["ci", "--no-audit", "--no-fund"]) { WorkingDirectory = tools })!;
                await npm.WaitForExitAsync(Cancellation);
                Assert.True(npm.ExitCode == 0, $"'npm ci' in {tools} failed.");
            }

            return tools;
        }
        finally
        {
            Installation.Release();
        }
    }

    private static bool IsInstalled(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(p => File.Exists(Path.Combine(p, program)));

    [GeneratedRegex("^```([a-z]+)\\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Blocks();
}
