using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Lentigo.OnnxExport.Tests;

/// <summary>ONNX Runtime's build for browsers, in Node.</summary>
internal static class WebRuntime
{
    /// <summary>Runs a file on bytes of a file and gives an output.</summary>
    /// <param name="model">The .onnx file.</param>
    /// <param name="output">The output's name.</param>
    /// <param name="input">The file of the input's bytes, followed by its type and its dimensions.</param>
    public static async Task<float[]> RunAsync(string model, string output, params string[] input)
    {
        string web = Path.Combine(Here(), "web");
        if (!Directory.Exists(Path.Combine(web, "node_modules", "onnxruntime-web")))
        {
            await ProcessOutputAsync("npm", ["ci", "--no-audit", "--no-fund"], web);
        }

        string answer = await ProcessOutputAsync("node", ["run.js", model, .. input], web);
        return JsonDocument.Parse(answer.Trim().Split('\n')[^1]).RootElement.GetProperty(output).Deserialize<float[]>()!;
    }

    /// <summary>What a program prints; fails where it fails.</summary>
    public static async Task<string> ProcessOutputAsync(string program, string[] arguments, string workingDirectory)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = workingDirectory, RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {await output} {await errors}");
        return await output;
    }

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
