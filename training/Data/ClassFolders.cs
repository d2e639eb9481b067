using Lentigo.Core;

namespace Lentigo.Training.Data;

/// <summary>
/// A folder of images for each class: <c>mel/a.jpg</c>, or <c>train/mel/a.jpg</c> and <c>val/mel/b.jpg</c> where the data set has a split of its
/// own. Folders are named by code or full name, in any case. There are no lesion ids.
/// </summary>
public static class ClassFolders
{
    private static readonly string[] Subsets = ["train", "val", "test"];

    /// <summary>Whether a folder has a folder that is named like a class, or one in a folder <c>train</c>, <c>val</c> or <c>test</c>.</summary>
    public static bool IsIn(string folder) => Roots(folder).Any(root => Folders(root.Path).Any(f => LabelOf(f) >= 0));

    /// <summary>Lists the images; an image's id is its path in the folder.</summary>
    /// <exception cref="DataSetException">A folder with images is named like no class.</exception>
    public static DataSetFiles List(string folder)
    {
        List<ImageFile> images = [];
        foreach ((string root, string? subset) in Roots(folder))
        {
            foreach (string named in Folders(root))
            {
                string[] files = [.. DataSetFiles.ImagesIn(named).Order(StringComparer.Ordinal)];
                int label = LabelOf(named);
                if (label < 0 && files.Length > 0)
                {
                    throw new DataSetException(
                        $"The folder {named} holds {files.Length} images, but '{Path.GetFileName(named)}' is no class. Name it by a code ({string.Join(", ", LesionClasses.Codes)}) or by a full name, or move it away.");
                }

                images.AddRange(files.Select(f => new ImageFile(Path.GetRelativePath(folder, f).Replace('\\', '/'), f, label, Lesion: null, subset)));
            }
        }

        return new(DataSetFiles.NameOf(folder), "a folder for each class", folder, [], images, [], DataSetFiles.ImagesIn(folder).Count() - images.Count);
    }

    private static IEnumerable<(string Path, string? Subset)> Roots(string folder)
    {
        (string, string?)[] own = [.. Subsets.Select(s => (Path.Combine(folder, s), (string?)s)).Where(s => Directory.Exists(s.Item1))];
        return own.Length > 0 ? own : [(folder, null)];
    }

    private static IEnumerable<string> Folders(string root) =>
        Directory.EnumerateDirectories(root).Where(f => !Path.GetFileName(f).StartsWith('.')).Order(StringComparer.Ordinal);

    private static int LabelOf(string folder)
    {
        string name = Letters(Path.GetFileName(folder));
        return LesionClasses.All.ToList().FindIndex(c => name == c.Code || name == Letters(c.Name));
    }

    private static string Letters(string name) => string.Concat(name.Where(char.IsAsciiLetter)).ToLowerInvariant();
}
