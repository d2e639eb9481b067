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

    public void Dispose() => folder.Dispose();

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
