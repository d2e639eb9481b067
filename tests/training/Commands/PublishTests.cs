using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Core.Models;

namespace Lentigo.Training.Tests.Commands;

/// <summary>What <c>publish</c> says where there is nothing to publish to.</summary>
public sealed class PublishTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_name_with_a_slash_and_no_connection_is_said_to_be_a_folder()
    {
        string to = _folder["models/production"];
        var published = await LentigoConsole.RunAsync("publish", "--model", Model(), "--to", to);
        Assert.True(published.ExitCode == 0, published.Error);
        Assert.StartsWith($"Using the folder {to}:", published.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(to, "lentigo-fast", "current.json")));
    }

    [Fact]
    public async Task A_candidate_is_copied_and_the_version_that_serves_stays()
    {
        string to = _folder["published"];
        Assert.Equal(0, (await LentigoConsole.RunAsync("publish", "--model", Model(), "--to", to)).ExitCode);
        string first = ModelPackage.Open(Path.Combine(to, "lentigo-fast")).Manifest.Version;
        string model = Copy("99990101-000000", answers => answers);
        var copied = await LentigoConsole.RunAsync("publish", "--candidate", "--model", model, "--to", to);
        Assert.True(copied.ExitCode == 0, copied.Error);
        Assert.Contains("Lentigo__Candidate=lentigo-fast/99990101-000000", copied.Output, StringComparison.Ordinal);
        Assert.Equal(first, ModelPackage.Open(Path.Combine(to, "lentigo-fast")).Manifest.Version);
        Assert.Equal("99990101-000000", ModelPackage.Open(Path.Combine(to, "lentigo-fast", "99990101-000000")).Manifest.Version);
    }

    [Fact]
    public async Task A_worse_package_is_refused_unless_forced_and_the_version_before_can_serve_again()
    {
        string to = _folder["published"];
        Assert.Equal(0, (await LentigoConsole.RunAsync("publish", "--model", Model(), "--to", to)).ExitCode);
        string first = ModelPackage.Open(Path.Combine(to, "lentigo-fast")).Manifest.Version;

        // The same package, its answers given to other images: nothing but chance is left.
        Random random = new(1);
        string worse = Copy("99990101-000000", answers =>
        {
            double[][] shuffled = [.. answers.Probabilities];
            random.Shuffle(shuffled);
            return answers with { Probabilities = shuffled };
        });
        var refused = await LentigoConsole.RunAsync("publish", "--model", worse, "--to", to);
        Assert.Equal((1, true), (refused.ExitCode,
            refused.Error.Contains("is worse than the version that serves and was not published", StringComparison.Ordinal)));
        Assert.Contains("macro AUC", refused.Output, StringComparison.Ordinal);
        Assert.Equal(first, ModelPackage.Open(Path.Combine(to, "lentigo-fast")).Manifest.Version);

        Assert.Equal(0, (await LentigoConsole.RunAsync("publish", "--model", worse, "--to", to, "--force")).ExitCode);
        var listed = await LentigoConsole.RunAsync("models", "list", "--in", to);
        Assert.True(listed.ExitCode == 0, listed.Error);
        Assert.Matches($"99990101-000000 +serves", listed.Output);
        Assert.Contains(first, listed.Output, StringComparison.Ordinal);

        var back = await LentigoConsole.RunAsync("models", "rollback", "--in", to, "--name", "lentigo-fast");
        Assert.True(back.ExitCode == 0, back.Error);
        Assert.Contains($"lentigo-fast {first} serves now instead of 99990101-000000", back.Output, StringComparison.Ordinal);
        Assert.Equal(first, ModelPackage.Open(Path.Combine(to, "lentigo-fast")).Manifest.Version);
        var further = await LentigoConsole.RunAsync("models", "rollback", "--in", to, "--name", "lentigo-fast");
        Assert.Equal((1, true), (further.ExitCode,
            further.Error.Contains("There is no version of lentigo-fast before the one that serves", StringComparison.Ordinal)));
        var unknown = await LentigoConsole.RunAsync("models", "rollback", "--in", to, "--name", "lentigo-fast", "--version", "1");
        Assert.Contains("There is no version 1 of lentigo-fast. Published: 99990101-000000", unknown.Error, StringComparison.Ordinal);

        // An equal package of another day is no worse, and one of other validation images cannot be compared.
        Assert.Equal(0, (await LentigoConsole.RunAsync("publish", "--model", Copy("99990102-000000", answers => answers), "--to", to)).ExitCode);
        var other = await LentigoConsole.RunAsync("publish", "--model", Copy("99990103-000000", answers => answers.Subset([.. Enumerable.Range(0, 500)])),
            "--to", to);
        Assert.Equal((0, true), (other.ExitCode, other.Output.Contains("they cannot be compared", StringComparison.Ordinal)));
    }

    /// <summary>A copy of the small model with another version and other validation answers.</summary>
    private string Copy(string version, Func<ValidationAnswers, ValidationAnswers> change)
    {
        ModelPackage source = ModelPackage.Open(Model());
        string folder = _folder[$"copies/{version}"];
        Directory.CreateDirectory(folder);
        foreach (string file in source.Manifest.Files.Keys)
        {
            File.Copy(Path.Combine(source.Folder, file), Path.Combine(folder, file));
        }

        string answers = Path.Combine(folder, ValidationAnswers.FileName);
        File.WriteAllBytes(answers, JsonSerializer.SerializeToUtf8Bytes(change(ValidationAnswers.Read(source)!), LentigoJson.Default.ValidationAnswers));
        ModelManifest manifest = source.Manifest with
        {
            Version = version,
            Files = new Dictionary<string, string>(source.Manifest.Files) { [ValidationAnswers.FileName] = ModelPackage.Hash(answers) },
        };
        File.WriteAllBytes(Path.Combine(folder, ModelManifest.FileName), JsonSerializer.SerializeToUtf8Bytes(manifest, LentigoJson.Default.ModelManifest));
        return folder;
    }

    /// <summary>The small model that ships.</summary>
    internal static string Model([System.Runtime.CompilerServices.CallerFilePath] string path = "") =>
        Path.GetFullPath(Path.Combine(path, "..", "..", "..", "..", "models", "lentigo-fast"));
}
