using Lentigo.OnnxExport.Proto;

namespace Lentigo.OnnxExport;

/// <summary>
/// How much an image is like those that the ensemble was trained on, from a squared Mahalanobis distance: with x = features, stage_statistics and the means
/// and standard deviations of the three colour channels of the pixels in 0 to 1, one after the other [D], d = |(x - mean) projection|^2 / k and the output
/// <c>suitability</c> = exp(-max(0, d - offset) / scale), 1 at and below the offset.
/// </summary>
/// <param name="Mean">The mean of x [D].</param>
/// <param name="Projection">[D, k], row by row: what whitens x, such as eigenvectors over the roots of their eigenvalues.</param>
/// <param name="Offset">The distance up to which an image is as good as any.</param>
/// <param name="Scale">The distance beyond the offset at which the output is 1/e; positive.</param>
public sealed record OnnxSuitability(IReadOnlyList<float> Mean, IReadOnlyList<float> Projection, double Offset, double Scale)
{
    /// <summary>What suitability may differ by between runtimes: whitening multiplies the rounding of the features where images hardly differ.</summary>
    public const double Tolerance = 0.02;

    /// <summary>Writes these numbers over those of an exported ensemble; all else of the file stays as it is, but for the metadata that are named.</summary>
    /// <param name="path">The file.</param>
    /// <param name="metadata">Metadata of the file to change, such as its version.</param>
    /// <exception cref="OnnxExportException">The file is no ensemble with a suitability, or these numbers do not fit its features.</exception>
    public void WriteInto(string path, IReadOnlyDictionary<string, string> metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        ModelProto model = OnnxFile.Read(path);
        // As OnnxEnsemble writes it: exp(relu(mean(((x - mean) projection)^2) - offset) (-1 / scale)).
        NodeProto exp = Of(OnnxEnsemble.Suitability, "Exp"), scaled = Of(exp.Input[0], "Mul"), beyond = Of(scaled.Input[0], "Relu"), less = Of(beyond.Input[0], "Sub");
        NodeProto mean = Of(less.Input[0], "ReduceMean"), squared = Of(mean.Input[0], "Mul"), whitened = Of(squared.Input[0], "MatMul"), centred = Of(whitened.Input[0], "Sub");
        Check(Initializer(centred.Input[1]).Dims[^1]);
        int columns = Projection.Count / Mean.Count;
        Replace(centred.Input[1], OnnxTensor.Of(Mean.ToArray(), [1, Mean.Count]));
        Replace(whitened.Input[1], OnnxTensor.Of(Projection.ToArray(), [Mean.Count, columns]));
        Replace(less.Input[1], OnnxTensor.Of([(float)Offset], []));
        Replace(scaled.Input[1], OnnxTensor.Of([(float)(-1 / Scale)], []));
        foreach (StringStringEntryProto entry in model.MetadataProps)
        {
            entry.Value = metadata.GetValueOrDefault(entry.Key, entry.Value);
        }

        OnnxFile.Write(model, path);

        NodeProto Of(string output, string operation) => model.Graph.Node.FirstOrDefault(n => n.Output.Contains(output) && n.OpType == operation)
            ?? throw new OnnxExportException($"{path} does not compute a suitability as this library writes it: {output} is no {operation}. Export the ensemble anew.");

        TensorProto Initializer(string name) => model.Graph.Initializer.FirstOrDefault(i => i.Name == name)
            ?? throw new OnnxExportException($"{path} does not hold the numbers of its suitability as this library writes them: there is no {name}. Export the ensemble anew.");

        void Replace(string name, OnnxTensor tensor)
        {
            if (model.Graph.Node.Sum(n => n.Input.Count(i => i == name)) != 1)
            {
                throw new OnnxExportException($"{path} uses {name} elsewhere too. Export the ensemble anew.");
            }

            int index = model.Graph.Initializer.IndexOf(Initializer(name));
            model.Graph.Initializer[index] = tensor.ToProto(name);
        }
    }

    /// <exception cref="OnnxExportException">The numbers make no distance.</exception>
    internal void Check(long length)
    {
        if (Mean.Count != length)
        {
            throw new OnnxExportException($"The suitability has a mean of {Mean.Count} numbers; this ensemble's features, stage statistics and pixel statistics are {length}.");
        }

        if (Projection.Count == 0 || Projection.Count % Mean.Count != 0)
        {
            throw new OnnxExportException($"The suitability has a projection of {Projection.Count} numbers, which is no matrix [{Mean.Count}, k].");
        }

        if (!Mean.All(float.IsFinite) || !Projection.All(float.IsFinite) || !double.IsFinite(Offset) || !(Scale > 0) || !double.IsFinite(Scale))
        {
            throw new OnnxExportException("The suitability holds a number that is not finite, or a scale that is not positive.");
        }
    }
}
