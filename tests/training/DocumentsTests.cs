using System.CommandLine;
using System.Text.RegularExpressions;
using Lentigo.Training.Commands;

namespace Lentigo.Training.Tests;

/// <summary>What the documents tell readers to type or to open exists.</summary>
public sealed partial class DocumentsTests
{
    private static readonly string Root = FindRoot();

    private static readonly RootCommand Console = Verbs.CreateRoot();

    public static TheoryData<string> Documents =>
        [.. Directory.EnumerateFiles(Root, "*.md", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 2 })
        .Select(f => Path.GetRelativePath(Root, f).Replace('\\', '/'))
            .Where(f => !f.StartsWith("artifacts/", StringComparison.Ordinal) && !f.Contains("node_modules/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)];

    [Fact]
    public void The_documents_are_found()
    {
        string[] documents = [.. Documents.Select(d => d.Data)];
        Assert.Contains("README.md", documents);
        Assert.Contains("training/README.md", documents);
        Assert.True(documents.SelectMany(CommandsOf).Count() > 15);
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Links_lead_to_files(string document)
    {
        string folder = Path.GetDirectoryName(Path.Combine(Root, document))!;
        string[] broken = [.. Link().Matches(Read(document)).Select(m => m.Groups["target"].Value.Split('#')[0])
            .Where(t => t.Length > 0 && !t.Contains(':', StringComparison.Ordinal) && !Path.Exists(Path.Combine(folder, t)))];
        Assert.Empty(broken);
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Projects_and_scripts_of_commands_exist(string document)
    {
        string[] missing = [.. Project().Matches(Read(document)).Select(m => m.Groups["path"].Value)
            .Concat(Script().Matches(Read(document)).Select(m => m.Groups["path"].Value))
            .Where(p => !Path.Exists(Path.Combine(Root, p)))];
        Assert.Empty(missing);
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Verbs_of_the_training_console_have_the_options_that_commands_give(string document)
    {
        foreach (string line in CommandsOf(document))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            Command command = Console;
            int at = 0;
            while (at < words.Length && command.Subcommands.FirstOrDefault(c => c.Name == words[at] || c.Aliases.Contains(words[at])) is { } verb)
            {
                (command, at) = (verb, at + 1);
            }

            Assert.True(command.Subcommands.Count == 0 || words[at..] is ["<verb>", "--help"], $"{document}: '{line}' names no verb.");
            string[] known = [.. command.Options.Concat(Console.Options).SelectMany(o => o.Aliases.Append(o.Name)), "--help"];
            string[] unknown = [.. words[at..].Where(w => w.StartsWith("--", StringComparison.Ordinal)).Select(w => w.TrimEnd(')', ';', ',', '.'))
                .Except(known)];
            Assert.True(unknown.Length == 0, $"{document}: '{line}' gives {string.Join(", ", unknown)}, which {command.Name} does not have.");
        }
    }

    [Fact]
    public void Classes_and_methods_of_the_architecture_exist()
    {
        HashSet<string> identifiers = [.. new[] { "core", "training", "functions", "onnx-export", "tests" }
            .SelectMany(p => Directory.EnumerateFiles(Path.Combine(Root, p), "*.cs", SearchOption.AllDirectories))
            .SelectMany(f => Identifier().Matches(File.ReadAllText(f)).Select(m => m.Value))];
        string[] named = [.. Identifier().Matches(Read("docs/architecture.md")).Select(m => m.Value).Distinct()];
        Assert.Contains("EnsembleModel", named);
        Assert.Empty(named.Except(identifiers));
    }

    /// <summary>The arguments of the training console in code blocks: after <c>--project training</c>, or a line that begins with a verb.</summary>
    private static IEnumerable<string> CommandsOf(string document)
    {
        bool isFenced = false;
        foreach (string line in Read(document).Split('\n'))
        {
            isFenced ^= line.StartsWith("```", StringComparison.Ordinal);
            if (!isFenced && !line.StartsWith("    ", StringComparison.Ordinal))
            {
                continue;
            }

            string text = Regex.Replace(line, @"\s#\s.*|; done.*", "").Trim();
            text = Regex.Replace(text, "^for .*?; do ", "");
            if (Regex.Match(text, @"dotnet run --project training\b[^-]*(-\w+ \S+ )*-- (?<arguments>.+)") is { Success: true } run)
            {
                yield return run.Groups["arguments"].Value;
            }
            else if (document is "training/README.md" or "models/README.md"
                && Console.Subcommands.Any(c => c.Aliases.Append(c.Name).Contains(text.Split(' ')[0])))
            {
                yield return text;
            }
        }
    }

    private static string Read(string document) => File.ReadAllText(Path.Combine(Root, document));

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Lentigo.slnx")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("The tests do not run inside the repository.");
    }

    /// <summary>A name of two words at least, such as <c>EnsembleModel</c>.</summary>
    [GeneratedRegex(@"\b[A-Z][a-z]+[A-Z]\w+\b")]
    private static partial Regex Identifier();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"dotnet (?:run --project|build|publish) (?<path>[a-z][\w./-]*)")]
    private static partial Regex Project();

    [GeneratedRegex(@"(?<path>infra-bicep/[\w-]+\.sh)")]
    private static partial Regex Script();
}
