using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Lentigo.Core.Models;

/// <summary>A model package on disk whose files have been verified against its manifest.</summary>
public sealed partial class ModelPackage
{
    private ModelPackage(string folder, ModelManifest manifest, string fingerprint)
    {
        Folder = folder;
        Manifest = manifest;
        Fingerprint = fingerprint;
    }

    /// <summary>The version's folder.</summary>
    public string Folder { get; }

    /// <summary>The manifest.</summary>
    public ModelManifest Manifest { get; }

    /// <summary>The fingerprint of the manifest; see <see cref="FingerprintOf"/>.</summary>
    public string Fingerprint { get; }

    /// <summary>The path of the ONNX graph.</summary>
    public string OnnxPath => Path.Combine(Folder, ModelManifest.OnnxFileName);

    /// <summary>Opens a package and verifies the SHA-256 of every file.</summary>
    /// <param name="path">A version's folder, or a model's folder, whose <c>current.json</c> selects the version.</param>
    /// <exception cref="ModelPackageException">The package is missing, incomplete or corrupt.</exception>
    public static ModelPackage Open(string path)
    {
        string folder = Path.GetFullPath(path);
        if (!Directory.Exists(folder))
        {
            throw new ModelPackageException($"There is no model package at {path}: the folder does not exist. Train one with 'train', or check the path.");
        }

        string pointer = Path.Combine(folder, CurrentVersion.FileName);
        if (File.Exists(pointer))
        {
            folder = Path.Combine(folder, ParseCurrent(File.ReadAllBytes(pointer), pointer).Version);
        }

        string manifestPath = Path.Combine(folder, ModelManifest.FileName);
        if (!File.Exists(manifestPath))
        {
            throw new ModelPackageException($"{folder} is no model package: it has neither {ModelManifest.FileName} nor {CurrentVersion.FileName}.");
        }

        byte[] manifestJson = File.ReadAllBytes(manifestPath);
        ModelManifest manifest = ParseManifest(manifestJson, manifestPath);
        foreach ((string file, string expected) in manifest.Files)
        {
            string full = Path.Combine(folder, file);
            if (!File.Exists(full))
            {
                throw new ModelPackageException($"The model package {folder} lacks {file}, which its manifest lists. Copy or publish the package again.");
            }

            string actual = Hash(full);
            if (!string.Equals(actual, expected, StringComparison.OrdinalIgnoreCase))
            {
                throw new ModelPackageException(
                    $"The model package {folder} is corrupt: {file} has SHA-256 {actual}, its manifest says {expected}. Copy or publish the package again.");
            }
        }

        return new(folder, manifest, FingerprintOf(manifestJson));
    }

    /// <summary>Parses a <c>current.json</c>.</summary>
    /// <exception cref="ModelPackageException">The JSON is malformed, or the version is not a plain file name.</exception>
    public static CurrentVersion ParseCurrent(ReadOnlySpan<byte> json, string source)
    {
        try
        {
            CurrentVersion? current = JsonSerializer.Deserialize(json, LentigoJson.Default.CurrentVersion);
            if (string.IsNullOrEmpty(current?.Version))
            {
                throw new ModelPackageException($"{source} names no version. It should read {{\"version\": \"...\"}}.");
            }

            CheckedName(current.Version, source);
            return current;
        }
        catch (JsonException e)
        {
            throw new ModelPackageException($"{source} is not valid JSON: {e.Message} It should read {{\"version\": \"...\"}}.", e);
        }
    }

    /// <summary>Parses a <c>manifest.json</c> and checks that this version of the product can run the model.</summary>
    /// <exception cref="ModelPackageException">The JSON is not a manifest, or describes another product's model.</exception>
    public static ModelManifest ParseManifest(ReadOnlySpan<byte> json, string source)
    {
        ModelManifest? manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(json, LentigoJson.Default.ModelManifest);
        }
        catch (JsonException e)
        {
            throw new ModelPackageException($"{source} is not a valid manifest: {e.Message}", e);
        }

        string? fault = manifest switch
        {
            null => "it is empty",
            { Classes: null } or { Members: null } or { Input: null } or { Files: null } => "it lacks classes, members, input or files",
            _ when !manifest.Classes.SequenceEqual(LesionClasses.Codes) =>
                $"its classes are {string.Join(", ", manifest.Classes)}; this product's are {string.Join(", ", LesionClasses.Codes)}",
            _ when manifest.Members.Count == 0 => "it names no members",
            _ when manifest.Input.Size is < 1 or > 4096 => $"its input size {manifest.Input.Size} is not between 1 and 4096",
            _ when manifest.Input.Geometry != ModelInput.Squash => $"its input geometry '{manifest.Input.Geometry}' is unknown; known: {ModelInput.Squash}",
            _ when manifest.Input.Kernel != ModelInput.BilinearAntialiased => $"its input kernel '{manifest.Input.Kernel}' is unknown; known: {ModelInput.BilinearAntialiased}",
            _ when !(manifest.Temperature > 0) => $"its temperature {manifest.Temperature} is not above 0",
            _ when !manifest.Files.ContainsKey(ModelManifest.OnnxFileName) => $"it gives no hash of {ModelManifest.OnnxFileName}",
            _ => null,
        };
        if (manifest is null || fault is not null)
        {
            throw new ModelPackageException($"{source} cannot be used: {fault}. Publish a package written by this product's trainer.");
        }

        foreach (string name in manifest.Files!.Keys.Append(manifest.Name).Append(manifest.Version))
        {
            CheckedName(name, source);
        }

        return manifest;
    }

    /// <summary>
    /// Computes the SHA-256 of a manifest, in lowercase hex. Since the manifest contains the hashes of all files, packages with the same fingerprint are
    /// identical.
    /// </summary>
    public static string FingerprintOf(ReadOnlySpan<byte> manifest) => Convert.ToHexStringLower(SHA256.HashData(manifest));

    /// <summary>Computes the SHA-256 of a file, in lowercase hex.</summary>
    public static string Hash(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    /// <summary>Whether <see cref="CheckedName"/> accepts a name.</summary>
    public static bool IsPlainName([NotNullWhen(true)] string? name) => name is not null && PlainName().IsMatch(name) && !DeviceName().IsMatch(name);

    /// <summary>
    /// Returns the name if it is valid as a file name on every system and as a segment of a blob name: letters, digits and <c>. _ - + @</c>, starting with a
    /// letter, digit or underscore, not ending with a dot, at most 128 characters, and not a Windows device name.
    /// </summary>
    /// <exception cref="ModelPackageException">The name is invalid; the message states <paramref name="source"/>, which contains it.</exception>
    internal static string CheckedName(string? name, string source) =>
        IsPlainName(name)
            ? name
            : throw new ModelPackageException(
                $"{source} holds the name '{name}', which is not a plain file name: letters, digits and . _ - + @, beginning with a letter, digit or underscore. Publish the package again under a plain name.");

    [GeneratedRegex(@"\A(?=.{1,128}\z)[\p{L}\p{N}_]([\p{L}\p{N}._+@-]*[\p{L}\p{N}_+@-])?\z", RegexOptions.CultureInvariant)]
    private static partial Regex PlainName();

    [GeneratedRegex(@"\A(con|prn|aux|nul|com\d|lpt\d)(\.|\z)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex DeviceName();
}
