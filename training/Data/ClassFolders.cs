using Lentigo.Core;

namespace Lentigo.Training.Data;

/// <summary>
/// A folder of images for each class: <c>mel/a.jpg</c>, or <c>train/mel/a.jpg</c> and <c>valid/mel/b.jpg</c> where the data set defines a split. Folders are
/// named, in any
/// case, by code, full name or another name of <see cref="Diagnoses"/>. There are no lesion ids.
/// </summary>
internal static class ClassFolders
{
    /// <summary>The name that <c>--format</c> takes.</summary>
    public const string FormatName = "folders";

    /// <summary>Whether a folder holds a folder named like a class, directly or in a folder such as <c>train</c>, <c>valid</c> or <c>test</c>.</summary>
    public static bool IsIn(string folder) => Roots(folder).Any(root => Folders(root.Path).Any(f => LabelOf(f) >= 0));

    /// <summary>Lists the images; the id of an image is its path in the folder.</summary>
    /// <exception cref="DataSetException">The name of a folder with images is no known diagnosis.</exception>
    public static DataSetFiles List(string folder)
    {
        List<ImageFile> images = [];
        List<string> notes = [];
        int others = 0;
        foreach ((string root, string? subset) in Roots(folder))
        {
            foreach (string named in Folders(root))
            {
                string[] files = [.. DataSetFiles.ImagesIn(named).Order(StringComparer.Ordinal)];
                int? label = LabelOf(named);
                if (label is null && files.Length > 0)
                {
                    throw new DataSetException(
                        $"The folder {named} holds {files.Length} images, but '{Path.GetFileName(named)}' is not a class. Name it by a code "
                            + $"({string.Join(", ", LesionClasses.Codes)}) or by a full name, or move it away.");
                }

                if (label == Diagnoses.LeftOut)
                {
                    others += files.Length;
                    notes.Add($"The {files.Length} images in {Path.GetRelativePath(folder, named)} are left out: they show none of the seven classes.");
                    continue;
                }

                images.AddRange(files.Select(f => new ImageFile(Path.GetRelativePath(folder, f).Replace('\\', '/'), f, label ?? -1, Lesion: null, subset)));
            }
        }

        return new(DataSetFiles.NameOf(folder), "a folder for each class", folder, [], images, [],
            DataSetFiles.ImagesIn(folder).Count() - images.Count - others) { Notes = notes };
    }

    private static IEnumerable<(string Path, string? Subset)> Roots(string folder)
    {
        (string, string?)[] subsets = [.. Folders(folder).Select(f => (f, DataSetFiles.SubsetOf(Path.GetFileName(f)))).Where(s => s.Item2 is not null)];
        return subsets.Length > 0 ? subsets : [(folder, null)];
    }

    private static IEnumerable<string> Folders(string root) =>
        Directory.EnumerateDirectories(root).Where(f => !Path.GetFileName(f).StartsWith('.')).Order(StringComparer.Ordinal);

    private static int? LabelOf(string folder) => Diagnoses.Find(Path.GetFileName(folder));
}
