namespace Lentigo.Core.Storage;

/// <summary>
/// Replaces files atomically: the content is written to <c>{path}.partial</c>, which is then renamed. Readers see either the old file or the new one, never a
/// partial file. A failed write keeps the old file and leaves no temporary file.
/// </summary>
public static class AtomicFile
{
    /// <summary>Replaces a file with bytes.</summary>
    public static void Write(string path, byte[] content) => Write(path, partial => File.WriteAllBytes(partial, content));

    /// <summary>Replaces a file with UTF-8 text.</summary>
    public static void Write(string path, string content) => Write(path, partial => File.WriteAllText(partial, content));

    /// <summary>Replaces a file with content that a callback writes.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="write">Writes the content to the given temporary path.</param>
    /// <param name="isShared">
    /// Whether several processes may replace the file at the same time: each then writes to a unique temporary file, and the last one wins.
    /// </param>
    public static void Write(string path, Action<string> write, bool isShared = false)
    {
        ArgumentNullException.ThrowIfNull(write);
        string partial = PartialOf(path, isShared);
        try
        {
            write(partial);
            File.Move(partial, path, overwrite: true);
        }
        finally
        {
            File.Delete(partial); // a failed write may have filled the disk
        }
    }

    /// <inheritdoc cref="Write(string, Action{string}, bool)"/>
    public static async Task WriteAsync(string path, Func<string, Task> write, bool isShared = false)
    {
        ArgumentNullException.ThrowIfNull(write);
        string partial = PartialOf(path, isShared);
        try
        {
            await write(partial).ConfigureAwait(false);
            File.Move(partial, path, overwrite: true);
        }
        finally
        {
            File.Delete(partial);
        }
    }

    private static string PartialOf(string path, bool isShared) => isShared ? $"{path}.{Guid.NewGuid():N}.partial" : path + ".partial";
}
