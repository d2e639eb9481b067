using System.Globalization;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport.Tests;

/// <summary>
/// Exports while another thread collects garbage and runs finalizers all the time: a tensor that nothing holds during a native call is freed under it, and the process
/// dies. The variable <c>LENTIGO_EXPORTS</c> sets how many files are written and verified; <c>DOTNET_GCgen0size=0x10000</c> adds collections.
/// </summary>
public sealed class GarbageCollectionTests : IDisposable
{
    private const int FilesARound = 6;

    private readonly TemporaryFolder folder = new();

    [Fact]
    public void Exports_and_verifications_survive_collections_and_finalizers_on_another_thread()
    {
        int files = int.Parse(Environment.GetEnvironmentVariable("LENTIGO_EXPORTS") ?? "36", CultureInfo.InvariantCulture);
        using CancellationTokenSource stop = new();
        Thread collector = new(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                GC.Collect(0);
                GC.WaitForPendingFinalizers();
            }
        })
        { IsBackground = true };
        int before = GC.CollectionCount(0);
        collector.Start();
        try
        {
            for (int written = 0; written < files; written += FilesARound)
            {
                foreach (OnnxPrecision precision in Enum.GetValues<OnnxPrecision>())
                {
                    ExportNetwork(precision);
                    ExportEnsemble(precision);
                }
            }
        }
        finally
        {
            stop.Cancel();
            collector.Join();
        }

        Assert.True(GC.CollectionCount(0) - before > files, "There was no pressure: fewer collections than files.");
    }

    public void Dispose() => folder.Dispose();

    /// <summary>As in a program without scopes: only the exporter holds the example while it works.</summary>
    private void ExportNetwork(OnnxPrecision precision)
    {
        OnnxExportOptions options = new() { Precision = precision, CalibrationInputs = precision == OnnxPrecision.Int8 ? randn(8, 3, 16, 16) : null };
        nn.Module<Tensor, Tensor> network = Network();
        OnnxExporter.Export(network, zeros(1, 3, 16, 16), folder["network.onnx"], options);
        OnnxExporter.Verify(network, zeros(1, 3, 16, 16), folder["network.onnx"], options);
    }

    private void ExportEnsemble(OnnxPrecision precision)
    {
        OnnxEnsembleOptions options = new()
        {
            InputSize = 16, Classes = 2, Precision = precision, Flips = "all", Temperature = 1.5, CalibrationImages = randint(0, 256, [8, 16, 16, 3], dtype: ScalarType.Byte),
        };
        OnnxEnsembleMember[] members = [new("a", Network(), [0.5f, 0.5f, 0.5f], [0.2f, 0.2f, 0.2f], 1), new("b", Network(), [0, 0, 0], [1, 1, 1], 2)];
        OnnxEnsemble.Export(members, folder["ensemble.onnx"], options);
        OnnxEnsemble.Verify(members, folder["ensemble.onnx"], options, randint(0, 256, [2, 16, 16, 3], dtype: ScalarType.Byte));
    }

    private static nn.Module<Tensor, Tensor> Network()
    {
        nn.Module<Tensor, Tensor> network = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding: 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.BatchNorm2d(16), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2));
        network.eval();
        return network;
    }
}
