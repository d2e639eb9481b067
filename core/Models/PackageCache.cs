namespace Lentigo.Core.Models;

/// <summary>
/// Copies of a model's packages on this machine: a folder for each content of a version. Several processes may share it: one at a time changes it, under a lock
/// that the system gives back when a process dies. What is found is believed only if its hashes are right.
/// </summary>
internal static class PackageCache
{
    /// <summary>The package that serves and the one before, which a pointer that is set back asks for.</summary>
    private const int Kept = 2;

    private const string LockFile = ".lock";
    private static readonly TimeSpan LockPollInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>The user's own folder for copies that can be fetched again, or one in the temporary folder where the user has no home.</summary>
    public static string DefaultFolder
    {
        get
        {
            string home = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);
            return home.Length > 0 ? Path.Combine(home, "lentigo", "models") : Path.Combine(Path.GetTempPath(), $"lentigo-models-{Environment.UserName}");
        }
    }

    /// <summary>Adds a package or completes it, opens it, and deletes all but the last packages that were asked for.</summary>
    /// <param name="folder">The folder of the model's packages.</param>
    /// <param name="entry">The package's folder in it.</param>
    /// <param name="writeAsync">Writes what the package's folder lacks.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ModelPackageException">What was written is no good package.</exception>
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
            // Where files in use cannot be deleted, the next call does it.
        }
    }
}
