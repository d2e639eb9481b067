using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Lentigo.InfraBicep.Tests;

/// <summary>What can be told of the Dockerfiles without building them.</summary>
public sealed partial class DockerfileTests
{
    public static TheoryData<string> Dockerfiles => ["functions/Dockerfile", "training/Dockerfile", "infra-bicep/operations/Dockerfile"];

    [Theory]
    [MemberData(nameof(Dockerfiles))]
    public void Everything_that_is_copied_is_there_and_in_the_build_context(string dockerfile)
    {
        foreach (string source in CopiedFromContext(dockerfile))
        {
            Assert.NotEmpty(Matches(source));
            Assert.All(Matches(source), f => Assert.True(IsInContext(f), $"{f} is not in the build context: .dockerignore leaves it out."));
        }
    }

    [Theory]
    [MemberData(nameof(Dockerfiles))]
    public void Every_project_that_is_built_is_copied(string dockerfile)
    {
        string folder = Built().Match(Repository.Read(dockerfile)).Groups[1].Value;
        string project = Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.csproj").Single();
        string[] copied = [.. CopiedFromContext(dockerfile).Select(s => s.TrimEnd('/'))];
        foreach (string needed in References(project).Append(project).Select(p => Path.GetRelativePath(Repository.Root, Path.GetDirectoryName(p)!)))
        {
            Assert.Contains($"{needed}/*.csproj", copied);
            Assert.Contains(needed, copied);
        }
    }

    [Theory]
    [MemberData(nameof(Dockerfiles))]
    public void Every_property_that_is_set_is_one_that_the_build_knows(string dockerfile)
    {
        string build = string.Concat(new[] { "Directory.Build.props", "Directory.Packages.props" }.Select(Repository.Read))
            + string.Concat(Directory.EnumerateFiles(Path.Combine(Repository.Root, "build"), "*.props").Select(File.ReadAllText));
        string[] properties = [.. Property().Matches(Repository.Read(dockerfile)).Select(m => m.Groups[1].Value).Distinct()];
        Assert.Contains("Accelerator", properties);
        Assert.All(properties, p => Assert.Contains($"<{p}", build, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Dockerfiles))]
    public void Every_stage_and_argument_that_is_used_is_declared(string dockerfile)
    {
        string text = string.Join('\n', Repository.Read(dockerfile).Split('\n').Where(l => !l.StartsWith('#')));
        string[] stages = [.. Stage().Matches(text).Select(m => m.Groups[1].Value.ToLowerInvariant())];
        Assert.All(CopyFrom().Matches(text).Select(m => m.Groups[1].Value), s => Assert.Contains(s, stages));
        string[] declared = [.. Argument().Matches(text).Select(m => m.Groups[1].Value)];
        Assert.All(Use().Matches(text).Select(m => m.Groups[1].Value).Where(a => a is not "APP_UID"), a => Assert.Contains(a, declared));
    }

    [Fact]
    public void A_builder_without_BuildKit_does_not_pull_CUDA_for_the_image_without_it()
    {
        string[] stages = [.. Stage().Matches(Repository.Read("functions/Dockerfile")).Select(m => m.Groups[1].Value)];
        Assert.Equal(["build", "cpu", "cuda-libraries", "cuda"], stages);
    }

    /// <summary>Image, target and accelerator as the tasks of the registry, deploy.sh and the workflow build them.</summary>
    [Theory]
    [InlineData("functions/Dockerfile", "cpu", "Cpu")]
    [InlineData("functions/Dockerfile", "cuda", "Cuda")]
    [InlineData("training/Dockerfile", "final", "Cuda")]
    [InlineData("infra-bicep/operations/Dockerfile", "final", "Cpu")]
    public void Everyone_builds_the_same_targets(string dockerfile, string target, string accelerator)
    {
        Assert.Contains($"AS {target}\n", Repository.Read(dockerfile), StringComparison.Ordinal);
        Assert.Contains($"{dockerfile} {target} {accelerator}\n", Repository.Read("infra-bicep/deploy.sh").Replace("; fi\n", "\n", StringComparison.Ordinal), StringComparison.Ordinal);
        string task = Repository.Read("infra-bicep/modules/registry.bicep");
        Assert.Matches($"file: '{dockerfile}'\\s+target: (gpu \\? 'cuda' : 'cpu'|'{target}')\\s+accelerator: (gpu \\? 'Cuda' : 'Cpu'|'{accelerator}')", task);
        Assert.Contains($"dockerfile: {dockerfile}\n            target: {target}\n", Repository.Read(".github/workflows/ci.yml"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_images_are_of_the_framework_that_the_projects_target()
    {
        string framework = XDocument.Parse(Repository.Read("Directory.Build.props")).Descendants("TargetFramework").Single().Value["net".Length..];
        Assert.Contains($"dotnet-isolated:4-dotnet-isolated{framework}", Repository.Read("functions/Dockerfile"), StringComparison.Ordinal);
        Assert.All(Dockerfiles.Select(d => (string)((ITheoryDataRow)d).GetData()[0]!), d => Assert.Contains($"dotnet/sdk:{framework} ", Repository.Read(d), StringComparison.Ordinal));
        Assert.Contains($"dotnet/runtime:{framework} ", Repository.Read("training/Dockerfile"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_app_is_built_for_the_real_host_and_health_is_checked_where_it_answers()
    {
        string text = Repository.Read("functions/Dockerfile");
        Assert.Equal(2, Regex.Count(text, @"dotnet (restore|publish) functions .*-p:Accelerator=\$ACCELERATOR"));
        Assert.Contains("GET /api/health", text, StringComparison.Ordinal);
        Assert.Contains("Route = \"api/health\"", Repository.Read("functions/Triggers/Health.cs"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_CUDA_that_is_copied_is_the_one_that_the_pinned_ONNX_Runtime_is_built_for()
    {
        Version runtime = Version.Parse(XDocument.Parse(Repository.Read("Directory.Packages.props")).Descendants("PackageVersion")
            .Single(p => (string?)p.Attribute("Include") == "Microsoft.ML.OnnxRuntime.Gpu").Attribute("Version")!.Value);
        string cuda = runtime >= new Version(1, 27) ? "13" : "12";
        string text = Repository.Read("functions/Dockerfile");
        Assert.Matches($@"CUDA_IMAGE=nvcr\.io/nvidia/cuda:{cuda}\.\d+\.\d+-cudnn-runtime-", text);
        Assert.Contains("libcudnn*.so.9*", text, StringComparison.Ordinal);

        // Where NVIDIA's container runtime looks for the libraries that let CUDA 13 run on an older driver.
        Assert.Contains("COPY --from=cuda-libraries /usr/local/cuda/compat/ /usr/local/cuda/compat/", text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_app_starts_by_the_base_image_whose_shell_keeps_settings_with_dots_and_hyphens() =>
        Assert.DoesNotMatch("(?m)^(CMD|ENTRYPOINT)", Repository.Read("functions/Dockerfile"));

    [Fact]
    public void The_training_does_not_run_as_root() =>
        Assert.Matches(@"USER \$APP_UID\n(?![^#]*USER)", Repository.Read("training/Dockerfile"));

    [Fact]
    public void Data_models_results_and_settings_stay_out_of_the_images() =>
        Assert.All(["models/README.md", "local.settings.json", "functions/local.settings.json", "tests/core/Lentigo.Core.Tests.csproj", "core/bin/a.dll", "training/obj/b.json", ".git/config", "bench/training/peer.py"], f => Assert.False(IsInContext(f), f));

    [Fact]
    public void The_alert_of_an_unused_GPU_looks_for_the_words_that_the_app_logs()
    {
        Assert.Contains("Message startswith \"Serving the model\" and Message contains \" on Cpu,\"", Repository.Read("infra-bicep/modules/alerts.bicep"), StringComparison.Ordinal);
        Assert.Contains("\"Serving the model {Name} {Version} on {Device}, ", Repository.Read("functions/Serving/ModelFollower.cs"), StringComparison.Ordinal);
    }

    [Fact]
    public void The_functions_that_the_infrastructure_names_are_those_of_the_app()
    {
        string[] functions = [.. Directory.EnumerateFiles(Path.Combine(Repository.Root, "functions"), "*.cs", SearchOption.AllDirectories).SelectMany(f => FunctionName().Matches(File.ReadAllText(f))).Select(m => m.Groups[1].Value)];
        string[] named = [.. NamedFunction().Matches(Repository.Read("infra-bicep/modules/functions-app.bicep") + Repository.Read("infra-bicep/main.bicep")).Select(m => m.Groups[1].Value).Distinct()];
        Assert.Equal(["classify-lesion", "classify-lesion-event", "classify-lesion-scan"], named.Order(StringComparer.Ordinal));

        // A function that the app does not have must be off in every environment.
        string[] missing = [.. named.Except(functions)];
        Assert.All(Repository.Environments, e => Assert.DoesNotContain(Uploads().Match(Repository.Read($"infra-bicep/environments/{e}.bicepparam")).Groups[1].Value switch
        {
            "queue" => "classify-lesion-event",
            "webhook" => "classify-lesion",
            _ => "classify-lesion-scan",
        }, missing));
    }

    [Fact]
    public void The_settings_that_the_infrastructure_sets_are_those_of_the_app()
    {
        string sample = Repository.Read("local.settings.sample.json");
        string[] settings = [.. Setting().Matches(Repository.Read("infra-bicep/modules/functions-app.bicep")).Select(m => m.Groups[1].Value)];
        Assert.NotEmpty(settings);
        Assert.All(settings, s => Assert.Contains($"\"{s}\"", sample, StringComparison.Ordinal));
    }

    private static string[] CopiedFromContext(string dockerfile) =>
        [.. Repository.Read(dockerfile).Split('\n').Where(l => l.StartsWith("COPY ", StringComparison.Ordinal) && !l.Contains("--from=", StringComparison.Ordinal)).SelectMany(l => l.Split(' ')[1..^1])];

    // A folder, a file, or files by a pattern in their name.
    private static string[] Matches(string source)
    {
        string path = Path.Combine(Repository.Root, source);
        string[] found = Directory.Exists(path) ? Directory.GetFiles(path, "*", SearchOption.AllDirectories)
            : Directory.Exists(Path.GetDirectoryName(path)) ? Directory.GetFiles(Path.GetDirectoryName(path)!, Path.GetFileName(path)) : [];
        return [.. found.Select(f => Path.GetRelativePath(Repository.Root, f)).Where(f => !f.EndsWith(".md", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal) && !f.Contains("/obj/", StringComparison.Ordinal))];
    }

    // The rules of .dockerignore that this one uses: the last line that fits a path or a folder above it decides.
    private static bool IsInContext(string file)
    {
        bool inContext = true;
        foreach (string line in Repository.Read(".dockerignore").Split('\n').Where(l => l.Length > 0 && l[0] != '#'))
        {
            string pattern = Regex.Escape(line.TrimStart('!').TrimEnd('/')).Replace(@"\*\*/", "(?:.*/)?", StringComparison.Ordinal).Replace(@"\*", "[^/]*", StringComparison.Ordinal);
            if (Regex.IsMatch(file, $"^{pattern}(?:/.*)?$"))
            {
                inContext = line[0] == '!';
            }
        }

        return inContext;
    }

    // The projects that one is built from: not what it starts, which its image does without.
    private static IEnumerable<string> References(string project)
    {
        foreach (XElement reference in XDocument.Load(project).Descendants("ProjectReference").Where(r => (string?)r.Attribute("ReferenceOutputAssembly") != "false"))
        {
            string path = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(project)!, (string)reference.Attribute("Include")!));
            foreach (string further in References(path).Prepend(path))
            {
                yield return further;
            }
        }
    }

    [GeneratedRegex(@"-p:(\w+)=")]
    private static partial Regex Property();

    [GeneratedRegex(@"(?m)^FROM .* AS ([\w-]+)$")]
    private static partial Regex Stage();

    [GeneratedRegex(@"COPY --from=(\S+)")]
    private static partial Regex CopyFrom();

    [GeneratedRegex(@"(?m)^ARG (\w+)")]
    private static partial Regex Argument();

    [GeneratedRegex(@"\$\{?([A-Z_]+)\}?")]
    private static partial Regex Use();

    [GeneratedRegex(@"\[Function\(""([\w-]+)""\)\]")]
    private static partial Regex FunctionName();

    [GeneratedRegex(@"(?:  (?:queue|webhook|scan): '|Host\.Functions\.)(classify[a-z-]+)")]
    private static partial Regex NamedFunction();

    [GeneratedRegex(@"uploads: '(\w+)'")]
    private static partial Regex Uploads();

    [GeneratedRegex(@"dotnet publish (\w+)")]
    private static partial Regex Built();

    [GeneratedRegex(@"name: '((?:Lentigo__|AzureWebJobsDisable)\w+)'")]
    private static partial Regex Setting();
}
