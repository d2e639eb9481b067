namespace Lentigo.Training.Data;

/// <summary>Finds the image files of a folder by the names in tables: with or without extension and folders, in Windows or Unix notation.</summary>
internal sealed class ImageNames
{
    private readonly Dictionary<string, List<string>> _byStem;

    private ImageNames(Dictionary<string, List<string>> byStem) => _byStem = byStem;

    public static ImageNames In(string folder)
    {
        Dictionary<string, List<string>> byStem = new(StringComparer.Ordinal);
        foreach (string file in DataSetFiles.ImagesIn(folder).Order(StringComparer.Ordinal))
        {
            string stem = Stem(Path.GetFileName(file));
            if (!byStem.TryGetValue(stem, out List<string>? files))
            {
                byStem[stem] = files = [];
            }

            files.Add(file);
        }

        return new(byStem);
    }

    /// <summary>The normalized form of a name, in which tables and files are compared: with slashes, without the extension of an image.</summary>
    public static string Of(string name)
    {
        string path = name.Replace('\\', '/').TrimStart('.', '/');
        return DataSetFiles.IsImage(path) ? path[..^Path.GetExtension(path).Length] : path;
    }

    /// <summary>A name without folders and extension.</summary>
    public static string Stem(string name) => Of(name[(name.LastIndexOf('/') + 1)..]);

    /// <summary>The file of a name in a table; the first in alphabetical order if the name is ambiguous; null if there is none.</summary>
    public string? Find(string name) => Candidates(name) is [var first, ..] ? first : null;

    /// <summary>Joins the rows of tables with the files.</summary>
    public DataSetFiles Join(
        string folder, string format, IReadOnlyList<string> tables, IReadOnlyList<ImageFile> rows, IReadOnlyList<(string Image, string Why)> leftOut,
            IReadOnlyList<string> notes)
    {
        List<string> allNotes = [.. notes];
        HashSet<string> shared = [.. rows.Select(r => Of(r.Id)).CountBy(Stem).Where(c => c.Value > 1).Select(c => c.Key)];
        List<ImageFile> found = [];
        List<string> missing = [];
        int several = 0;
        string example = "";
        foreach (ImageFile row in rows)
        {
            // The id is the bare name, unless two images differ only by their folders.
            string name = Of(row.Id), id = shared.Contains(Stem(name)) ? name : Stem(name);
            IReadOnlyList<string> files = Candidates(row.Id);
            if (files.Count == 0)
            {
                missing.Add(id);
                continue;
            }

            if (files.Count > 1 && several++ == 0)
            {
                example = string.Join(" and ", files.Take(2).Select(f => Path.GetRelativePath(folder, f)));
            }

            found.Add(row with { Id = id, Path = files[0] });
        }

        if (several > 0)
        {
            allNotes.Add($"{several} images have several files of the same name ({example}); the first is used. Remove the others, or write the folder into "
                + "the table.");
        }

        if (leftOut.Count > 0)
        {
            var reasons = leftOut.CountBy(l => l.Why).OrderByDescending(c => c.Value).ToArray();
            allNotes.Add($"{leftOut.Count} images are left out because they show none of the seven classes or are not dermoscopy: "
                + $"{string.Join(", ", reasons.Take(8).Select(c => $"{c.Key} {c.Value}"))}{(reasons.Length > 8 ? $" and {reasons.Length - 8} more" : "")}.");
        }

        HashSet<string> named = [.. rows.Select(r => Stem(Of(r.Id))), .. leftOut.Select(l => Stem(Of(l.Image)))];
        return new(DataSetFiles.NameOf(folder), format, folder, tables, found, missing, _byStem.Keys.Count(s => !named.Contains(s))) { Notes = allNotes };
    }

    private List<string> Candidates(string name)
    {
        string path = Of(name);
        if (!_byStem.TryGetValue(Stem(path), out List<string>? files) || files.Count == 1 || !path.Contains('/'))
        {
            return files ?? [];
        }

        List<string> fitting = files.FindAll(f => Of(f).EndsWith("/" + path, StringComparison.OrdinalIgnoreCase));
        return fitting.Count > 0 ? fitting : files;
    }
}
