namespace Lentigo.EndToEnd.Tests;

/// <summary>Where things are in the checkout that the tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find("package-lock.json");

    /// <summary>The configuration that the tests, and so the app, were built in: the last part of the output folder's name.</summary>
    public static string Configuration { get; } = new DirectoryInfo(AppContext.BaseDirectory).Name;

    /// <summary>The app's output folder.</summary>
    public static string AppFolder { get; } = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "Lentigo.Functions", Configuration));

    /// <summary>The launcher's program.</summary>
    public static string Launcher { get; } = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "Lentigo.Functions.Local", Configuration, "Lentigo.Functions.Local.dll"));

    /// <summary>The folder of the model that ships.</summary>
    public static string ShippedModel { get; } = Path.Combine(Root, "models", "lentigo");

    /// <summary>The folder of the small model that ships.</summary>
    public static string SmallModel { get; } = Path.Combine(Root, "models", "lentigo-fast");

    private static string Find(string path)
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, path)))
        {
            folder = folder.Parent ?? throw new InvalidOperationException($"There is no {path} above {AppContext.BaseDirectory}: the tests run in a checkout of the repository.");
        }

        return folder.FullName;
    }
}
