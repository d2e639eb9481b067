using System.CommandLine;
using System.Globalization;
using Lentigo.Core.Models;
using Spectre.Console;

namespace Lentigo.Training.Commands;

/// <summary>The verbs <c>models list</c> and <c>models rollback</c>.</summary>
internal static class ModelsCommand
{
    private static readonly Option<string> In = new("--in") { Required = true, HelpName = ModelStores.HelpName, Description = ModelStores.Description };
    private static readonly Option<string> Name = new("--name") { HelpName = "model", Description = "The model.", DefaultValueFactory = _ => "lentigo" };
    private static readonly Option<string?> Version =
        new("--version") { HelpName = "version", Description = "The version to serve [the newest one before the current version]." };

    public static Command Create()
    {
        Command list = new("list", "Lists the published models and versions with their metrics and marks those that serve.") { In,
            StorageArguments.Connection };
        list.SetAction(ListAsync);
        Command rollback = new("rollback", "Serves an earlier version again, after checking that its files are complete.") { In, Name, Version,
            StorageArguments.Connection };
        rollback.SetAction(RollBackAsync);
        return new("models", "Lists published models and rolls back to an earlier version.") { list, rollback };
    }

    private static async Task<int> ListAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        ModelStore store = await ModelStores.OpenAsync(arguments.GetValue(In)!, arguments, cancellationToken);
        Table table = CommandLine.NewTable("model", "version", "", "accuracy", "balanced\naccuracy", "macro\nAUC", "malign.\nAUC");
        foreach (string name in await store.ListModelsAsync(cancellationToken))
        {
            string? current = await store.ReadCurrentVersionAsync(name, cancellationToken);
            foreach (string version in await store.ListVersionsAsync(name, cancellationToken))
            {
                table.AddRow([Markup.Escape(name), Markup.Escape(version), version == current ? "serves" : "",
                    .. await FiguresAsync(store, name, version, cancellationToken)]);
            }
        }

        if (table.Rows.Count == 0)
        {
            Console.WriteLine($"{store.Location} holds no models. Publish one with 'publish'.");
            return 0;
        }

        CommandLine.Print(table);
        return 0;
    }

    /// <summary>The metrics in the manifest of a version, on its validation images.</summary>
    private static async Task<string[]> FiguresAsync(ModelStore store, string name, string version, CancellationToken cancellationToken)
    {
        try
        {
            ModelManifest? manifest = await store.ReadManifestAsync(name, version, cancellationToken);
            string Figure(string figure) => manifest?.EnsembleMetric(figure)?.ToString("0.000", CultureInfo.InvariantCulture) ?? "-";
            return manifest is null ? ["no manifest", "", "", ""]
                : [Figure("accuracy"), Figure("balancedAccuracy"), Figure("macroAuc"), Figure("malignantAuc")];
        }
        catch (ModelPackageException)
        {
            return ["damaged", "", "", ""];
        }
    }

    private static async Task<int> RollBackAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        string name = arguments.GetValue(Name)!;
        ModelStore store = await ModelStores.OpenAsync(arguments.GetValue(In)!, arguments, cancellationToken);
        IReadOnlyList<string> versions = await store.ListVersionsAsync(name, cancellationToken);
        string? current = await store.ReadCurrentVersionAsync(name, cancellationToken);
        string known = versions.Count == 0 ? $"{store.Location} holds no version of {name}." : $"Published: {string.Join(", ", versions)}.";
        string version = arguments.GetValue(Version) is { } asked
            ? versions.Contains(asked) ? asked : throw new TrainingException($"There is no version {asked} of {name}. {known}")
            : versions.FirstOrDefault(v => string.CompareOrdinal(v, current) < 0)
                ?? throw new TrainingException($"There is no version of {name} before the one that serves{(current is null ? "" : $", {current}")}. {known}");
        if (version == current)
        {
            Console.WriteLine($"{name} {version} serves already.");
            return 0;
        }

        await store.FetchAsync(name, version, cancellationToken); // checks every file
        await store.PointToAsync(name, version, cancellationToken);
        Console.WriteLine($"{name} {version} serves now{(current is null ? "" : $" instead of {current}")}; running apps take it within their poll interval.");
        return 0;
    }
}
