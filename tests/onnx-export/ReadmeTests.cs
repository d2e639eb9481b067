using System.Runtime.CompilerServices;

namespace Lentigo.OnnxExport.Tests;

public sealed class ReadmeTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void The_readmes_example_is_the_one_that_is_compiled_here_and_it_runs()
    {
        string source = File.ReadAllText(Path.Combine(Here(), "ReadmeExample.cs")), readme = File.ReadAllText(Path.Combine(Here(), "../../onnx-export/README.md"));
        string example = source.Split("// <example>\n")[1].Split("// </example>")[0];
        Assert.Contains($"```csharp\n{example}```", readme, StringComparison.Ordinal);
        Assert.Equal(2, Example.Run(folder["x.onnx"]).Length);
    }

    [Fact]
    public void The_readmes_table_of_modules_and_operators_is_that_of_the_code()
    {
        string readme = File.ReadAllText(Path.Combine(Here(), "../../onnx-export/README.md"));
        Assert.Contains($"| modules | {string.Join(", ", StandardModules.Names.Select(n => $"`{n}`"))} |\n", readme, StringComparison.Ordinal);
        Assert.Contains($"set of the version that is written | {string.Join(", ", OnnxOperators.All.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"`{o.Key}` {o.Value.Since}"))} |\n", readme, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
