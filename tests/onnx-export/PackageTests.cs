using System.Runtime.CompilerServices;
using System.Xml.Linq;

namespace Lentigo.OnnxExport.Tests;

/// <summary>The NuGet package, as a project elsewhere takes it: from a feed, with nothing of this repository's build.</summary>
public sealed class PackageTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string version = $"0.0.1-test{DateTime.UtcNow:yyyyMMddHHmmssfff}";

    [Fact]
    public async Task A_new_project_that_installs_the_package_exports_and_verifies_at_its_first_run()
    {
        string repository = Path.GetFullPath(Path.Combine(Here(), "..", ".."));
        string configuration = AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}release", StringComparison.Ordinal) ? "Release" : "Debug";
        await WebRuntime.ProcessOutputAsync("dotnet", ["pack", Path.Combine(repository, "onnx-export"), "--no-build", "-c", configuration, "-o", folder["feed"], $"-p:PackageVersion={version}"], repository);

        Directory.CreateDirectory(folder["app"]);
        XElement central = XElement.Load(Path.Combine(repository, "Directory.Build.props"));
        string framework = central.Descendants("TargetFramework").First().Value;
        await WriteAsync("app/nuget.config", $"<configuration><packageSources><add key=\"local\" value=\"{folder["feed"]}\" /></packageSources></configuration>");
        await WriteAsync("app/app.csproj", $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>{framework}</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <NuGetAudit>false</NuGetAudit>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="Lentigo.OnnxExport" Version="{version}" />
              </ItemGroup>
            </Project>
            """);
        string example = File.ReadAllText(Path.Combine(Here(), "ReadmeExample.cs")).Split("// <example>\n")[1].Split("// </example>")[0];
        await WriteAsync("app/Program.cs", $"Console.WriteLine(Example.Run(\"x.onnx\").Length);\n");
        await WriteAsync("app/Example.cs", example);
        string output = await WebRuntime.ProcessOutputAsync("dotnet", ["run", "--project", folder["app/app.csproj"]], folder["app"]);
        Assert.Contains("the same top class for 100", output, StringComparison.Ordinal);
        Assert.Equal("2", output.Trim().Split('\n')[^1].Trim());
    }

    public void Dispose()
    {
        folder.Dispose();
        string packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        string installed = Path.Combine(packages, "lentigo.onnxexport", version);
        if (Directory.Exists(installed))
        {
            Directory.Delete(installed, recursive: true);
        }
    }

    private Task WriteAsync(string name, string text) => File.WriteAllTextAsync(folder[name], text, TestContext.Current.CancellationToken);

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
