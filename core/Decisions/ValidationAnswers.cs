using System.Text.Json;
using Lentigo.Core.Models;

namespace Lentigo.Core.Decisions;

/// <summary>
/// A package's file <c>validation.json</c>: predictions on images of lesions that the ensemble was not trained on, from which operating points and prediction
/// sets for any class prior, sensitivity and coverage are computed.
/// </summary>
/// <param name="On">A description of the images, e.g. <c>ham10000-160, validation, by lesion</c>.</param>
/// <param name="Labels">[n], 0 to 6.</param>
/// <param name="Lesions">[n]: images with equal numbers show one lesion.</param>
/// <param name="Probabilities">[n][7], for the prior of the package's manifest.</param>
public sealed record ValidationAnswers(string On, IReadOnlyList<int> Labels, IReadOnlyList<int> Lesions, IReadOnlyList<double[]> Probabilities)
{
    /// <summary>The file's name in a package.</summary>
    public const string FileName = "validation.json";

    /// <summary>The number of decimals of stored probabilities.</summary>
    private const int Decimals = 6;

    /// <summary>Creates the document.</summary>
    /// <param name="on">A description of the images.</param>
    /// <param name="labels">[n], 0 to 6.</param>
    /// <param name="lesions">[n]: images of one lesion have equal names.</param>
    /// <param name="probabilities">[n][7].</param>
    public static ValidationAnswers Of(string on, IReadOnlyList<int> labels, IReadOnlyList<string> lesions, IReadOnlyList<double[]> probabilities)
    {
        ArgumentNullException.ThrowIfNull(lesions);
        ArgumentNullException.ThrowIfNull(probabilities);
        Dictionary<string, int> numbers = [];
        return new(
            on, labels,
            [.. lesions.Select(l => numbers.TryGetValue(l, out int number) ? number : numbers[l] = numbers.Count)],
            [.. probabilities.Select(row => row.Select(p => Math.Round(p, Decimals)).ToArray())]);
    }

    /// <summary>Selects some of the images.</summary>
    /// <param name="images">The indices of the images to keep.</param>
    public ValidationAnswers Subset(IReadOnlyList<int> images) => this with
    {
        Labels = [.. images.Select(i => Labels[i])],
        Lesions = [.. images.Select(i => Lesions[i])],
        Probabilities = [.. images.Select(i => Probabilities[i])],
    };

    /// <summary>Reads the file of a package.</summary>
    /// <returns>The answers, or null if the package has none.</returns>
    /// <exception cref="ModelPackageException">The file is damaged.</exception>
    public static ValidationAnswers? Read(ModelPackage package)
    {
        ArgumentNullException.ThrowIfNull(package);
        if (!package.Manifest.Files.ContainsKey(FileName))
        {
            return null;
        }

        string path = Path.Combine(package.Folder, FileName);
        return Parse(File.ReadAllBytes(path), path);
    }

    /// <summary>Reads the file's content.</summary>
    /// <param name="json">The content.</param>
    /// <param name="path">The source of the content, for error messages.</param>
    /// <exception cref="ModelPackageException">The content is damaged.</exception>
    public static ValidationAnswers Parse(ReadOnlySpan<byte> json, string path)
    {
        try
        {
            ValidationAnswers? read = JsonSerializer.Deserialize(json, LentigoJson.Default.ValidationAnswers);
            return read is { Labels.Count: > 0 } && read.Lesions?.Count == read.Labels.Count && read.Probabilities?.Count == read.Labels.Count
                && read.Labels.All(l => l >= 0 && l < LesionClasses.Count)
                    && read.Probabilities.All(p => p?.Length == LesionClasses.Count && p.All(v => v is >= 0 and <= 1))
                ? read
                : throw new ModelPackageException($"{path} does not hold a label, a lesion and seven probabilities for each of its images. Publish a package "
                    + "written by this product's trainer.");
        }
        catch (JsonException e)
        {
            throw new ModelPackageException($"{path} is not valid JSON: {e.Message} Publish a package written by this product's trainer.", e);
        }
    }
}
