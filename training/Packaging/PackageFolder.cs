using System.Globalization;
using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Models;
using Lentigo.Core.Storage;

namespace Lentigo.Training.Packaging;

/// <summary>Writes the files of a package so that a reader never sees half a package.</summary>
internal static class PackageFolder
{
    /// <summary>The version of a package that is written now, in UTC: versions sort by time.</summary>
    public static string VersionOf(DateTimeOffset now) => now.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture);

    /// <summary>What the ONNX file says of itself.</summary>
    public static string DocStringOf(string name, string version, IEnumerable<string> members) =>
        $"{name} {version}: {string.Join(" + ", members)}. {LesionClasses.Notice}.";

    /// <summary>The metadata of the ONNX file.</summary>
    public static Dictionary<string, string> MetadataOf(string name, string version, IEnumerable<string> members) => new()
    {
        ["name"] = name,
        ["version"] = version,
        ["classes"] = string.Join(",", LesionClasses.Codes),
        ["members"] = string.Join(",", members),
        ["notice"] = LesionClasses.Notice,
    };

    /// <summary>Writes a package into a hidden folder, renames that to the version, and then points <c>current.json</c> to it.</summary>
    /// <param name="folder">The folder of the model's versions.</param>
    /// <param name="version">The new version.</param>
    /// <param name="write">Writes the package's files into the folder that it is given.</param>
    /// <returns>The package and what <paramref name="write"/> returned.</returns>
    public static (ModelPackage Package, T Result) Write<T>(string folder, string version, Func<string, T> write)
    {
        string partial = Path.Combine(folder, $".{version}.partial"), final = Path.Combine(folder, version);
        Directory.CreateDirectory(partial);
        T result;
        try
        {
            result = write(partial);
            Directory.Move(partial, final);
        }
        catch
        {
            Directory.Delete(partial, recursive: true);
            throw;
        }

        // Last: should this fail, the package is complete but does not serve.
        AtomicFile.Write(Path.Combine(folder, CurrentVersion.FileName),
            JsonSerializer.SerializeToUtf8Bytes(new CurrentVersion(version), LentigoJson.Default.CurrentVersion));
        return (ModelPackage.Open(final), result);
    }

    /// <summary>Writes the manifest with the hashes of the package's other files.</summary>
    public static ModelManifest WriteManifest(string folder, ModelManifest manifest)
    {
        ModelManifest hashed = manifest with
        {
            Files = Directory.EnumerateFiles(folder).Where(f => Path.GetFileName(f) != ModelManifest.FileName).Order(StringComparer.Ordinal)
                .ToDictionary(f => Path.GetFileName(f), ModelPackage.Hash),
        };
        File.WriteAllBytes(Path.Combine(folder, ModelManifest.FileName), JsonSerializer.SerializeToUtf8Bytes(hashed, LentigoJson.Default.ModelManifest));
        return hashed;
    }
}
