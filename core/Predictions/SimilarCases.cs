using System.Buffers.Binary;
using System.Text.Json;
using Lentigo.Core.Models;

namespace Lentigo.Core.Predictions;

/// <summary>
/// A package's index of training images: <c>similar.json</c> with their ids and diagnoses, and <c>similar.f16</c> with their features, little-endian float16
/// [n, F]. The feature vectors have length 1, so that the dot product of two is their cosine similarity.
/// </summary>
public sealed class SimilarCases
{
    /// <summary>The file of ids and diagnoses.</summary>
    public const string NamesFile = "similar.json";

    /// <summary>The file of features.</summary>
    public const string FeaturesFile = "similar.f16";

    private readonly IReadOnlyList<NamedCase> _cases;
    private readonly float[] _features;
    private readonly int _length;

    private SimilarCases(IReadOnlyList<NamedCase> cases, float[] features)
    {
        (_cases, _features) = (cases, features);
        _length = features.Length / cases.Count;
    }

    /// <summary>Writes an index into a package's folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="cases">The images, n.</param>
    /// <param name="features">[n][F].</param>
    public static void Write(string folder, IReadOnlyList<NamedCase> cases, IReadOnlyList<float[]> features)
    {
        ArgumentNullException.ThrowIfNull(features);
        File.WriteAllBytes(Path.Combine(folder, NamesFile), JsonSerializer.SerializeToUtf8Bytes(cases, LentigoJson.Default.IReadOnlyListNamedCase));
        byte[] halves = new byte[features.Sum(f => f.Length) * 2];
        int at = 0;
        foreach (float value in features.SelectMany(f => f))
        {
            BinaryPrimitives.WriteHalfLittleEndian(halves.AsSpan(at), (Half)value);
            at += 2;
        }

        File.WriteAllBytes(Path.Combine(folder, FeaturesFile), halves);
    }

    /// <summary>Reads the index of a package.</summary>
    /// <returns>The index, or null if the package has none.</returns>
    /// <exception cref="ModelPackageException">The index is damaged.</exception>
    public static SimilarCases? Read(ModelPackage package)
    {
        ArgumentNullException.ThrowIfNull(package);
        if (!package.Manifest.Files.ContainsKey(NamesFile) || !package.Manifest.Files.ContainsKey(FeaturesFile))
        {
            return null;
        }

        string path = Path.Combine(package.Folder, NamesFile);
        try
        {
            IReadOnlyList<NamedCase>? cases = JsonSerializer.Deserialize(File.ReadAllBytes(path), LentigoJson.Default.IReadOnlyListNamedCase);
            byte[] halves = File.ReadAllBytes(Path.Combine(package.Folder, FeaturesFile));
            if (cases is not { Count: > 0 } || halves.Length % (2 * cases.Count) != 0)
            {
                throw new ModelPackageException($"{path} and {FeaturesFile} do not contain the same number of images. Publish a package written by "
                    + "this product's trainer.");
            }

            float[] features = new float[halves.Length / 2];
            for (int i = 0; i < features.Length; i++)
            {
                features[i] = (float)BinaryPrimitives.ReadHalfLittleEndian(halves.AsSpan(2 * i));
            }

            return new(cases, features);
        }
        catch (JsonException e)
        {
            throw new ModelPackageException($"{path} is not valid JSON: {e.Message} Publish a package written by this product's trainer.", e);
        }
    }

    /// <summary>Finds the nearest images, nearest first.</summary>
    /// <param name="features">[F]: the features of the query image.</param>
    /// <param name="count">The maximum number of images to return.</param>
    public IReadOnlyList<SimilarCase> Nearest(float[] features, int count)
    {
        ArgumentNullException.ThrowIfNull(features);
        (double Distance, int Case)[] all =
            [.. Enumerable.Range(0, _cases.Count)
            .Select(i => (1.0 - System.Numerics.Tensors.TensorPrimitives.Dot(features, _features.AsSpan(i * _length, _length)), i))];
        return [.. all.OrderBy(a => a.Distance).Take(count)
            .Select(a => new SimilarCase(_cases[a.Case].Image, _cases[a.Case].Diagnosis, Math.Max(0, a.Distance)))];
    }
}

/// <summary>An image of the index.</summary>
/// <param name="Image">The id of the image in the public data set.</param>
/// <param name="Diagnosis">The diagnosis of the image, one of the seven codes.</param>
public sealed record NamedCase(string Image, string Diagnosis);
