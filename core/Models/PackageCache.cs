namespace Lentigo.Core.Models;

/// <summary>
/// A local cache of a model's packages, with one folder per version and content. Several processes may share it: changes are serialized by a file lock, which
/// the operating system releases when a process dies. Cached files are used only if their hashes match.
/// </summary>
internal static class PackageCache
{
    /// <summary>The number of packages to keep: the current one and the previous one, in case the pointer is rolled back.</summary>
    private const int Kept = 2;

    private const string LockFile = ".lock";
    private static readonly TimeSpan LockPollInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>The default cache folder: in the user's local application data, or in the temporary folder if the user has no home folder.</summary>
    public static string DefaultFolder
    {
        get
        {
            string home = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
            return home.Length > 0 ? Path.Combine(home, "lentigo", "models") : Path.Combine(Path.GetTempPath(), $"lentigo-models-{Environment.UserName}");
        }
    }

    /// <summary>Adds or completes a package, opens it, and deletes all but the most recently requested packages.</summary>
    /// <param name="folder">The folder of the model's packages.</param>
    /// <param name="entry">The name of the package's folder within it.</param>
    /// <param name="writeAsync">Writes the missing files to the package's folder.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    /// <exception cref="ModelPackageException">The result is not a valid package.</exception>
    public static async Task<ModelPackage> AddAsync(string folder, string entry, Func<string, Task> writeAsync, CancellationToken cancellationToken)
    {
        CreatePrivate(folder);
        using FileStream held = await LockAsync(Path.Combine(folder, LockFile), cancellationToken).ConfigureAwait(false);
        DirectoryInfo target = Directory.CreateDirectory(Path.Combine(folder, entry));
        await writeAsync(target.FullName).ConfigureAwait(false);
        ModelPackage package = ModelPackage.Open(target.FullName);
        Directory.SetLastWriteTimeUtc(target.FullName, DateTime.UtcNow);
        DirectoryInfo[] others = [.. new DirectoryInfo(folder).EnumerateDirectories().Where(d => d.Name != entry)];
        foreach (DirectoryInfo old in others.OrderByDescending(d => d.LastWriteTimeUtc).Skip(Kept - 1))
        {
            Delete(old);
        }

        return package;
    }

    private static async Task<FileStream> LockAsync(string path, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (e.GetType() == typeof(IOException) && File.Exists(path))
            {
                await Task.Delay(LockPollInterval, cancellationToken).ConfigureAwait(false); // another process holds it
            }
        }
    }

    private static void CreatePrivate(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private static void Delete(DirectoryInfo folder)
    {
        try
        {
            folder.Delete(recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Files in use cannot be deleted on some systems; the next call retries.
        }
    }
}
