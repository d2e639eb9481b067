using Lentigo.Core.Models;

namespace Lentigo.Functions.Tests;

internal static class ShippedModels
{
    /// <summary>The folder of a model of the repository.</summary>
    public static string Folder(string name)
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "models", name, CurrentVersion.FileName)))
        {
            folder = folder.Parent ?? throw new InvalidOperationException($"The tests run in a checkout of the repository, which holds models/{name}.");
        }

        return Path.Combine(folder.FullName, "models", name);
    }
}
