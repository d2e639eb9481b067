using Lentigo.Core;
using Lentigo.OnnxExport;
using Lentigo.Training.Networks;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.Training.Tests.Networks;

/// <summary>Features, suitability and Grad-CAM of the graph are those of TorchSharp and its automatic differentiation.</summary>
public sealed class OnnxExplanationTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly Dictionary<string, InferenceSession> sessions = [];

    public static TheoryData<string,
        int> NetworksAndSizes => [.. from a in MemberRegistry.All where a.Name != "efficientnet_b4" from size in new[] { 64, 128 } select (a.Name, size)];

    public static TheoryData<string> Names => [.. MemberRegistry.All.Select(a => a.Name).Where(n => n != "efficientnet_b4")];

    [Theory]
    [MemberData(nameof(NetworksAndSizes))]
    public void Every_network_is_explained_as_by_automatic_differentiation(string name, int size)
    {
        OnnxEnsembleMember member = WithOppositeClasses(RandomMember.Create(name, size));
        using Tensor images = Images(2, size);
        OnnxEnsemble.Export([member], folder["x.onnx"], Options(size));
        Assert.Empty(OnnxChecker.Check(folder["x.onnx"]));
        Compare(member, images, 1e-3);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Float16_weights_are_explained_nearly_alike(string name)
    {
        OnnxEnsembleMember member = WithOppositeClasses(RandomMember.Create(name, 64));
        using Tensor images = Images(2, 64);
        OnnxEnsemble.Export([member], folder["x.onnx"], Options(64) with { Precision = OnnxPrecision.Float16 });
        Assert.Empty(OnnxChecker.Check(folder["x.onnx"]));
        Compare(member, images, 2e-2, ofTheLargestMap: true);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Int8_graphs_are_explained_much_alike(string name)
    {
        OnnxEnsembleMember member = WithOppositeClasses(RandomMember.Create(name, 64));
        using Tensor images = Images(2, 64);
        OnnxEnsemble.Export([member], folder["float.onnx"], Options(64));
        OnnxEnsemble.Export([member], folder["int8.onnx"], Options(64) with { Precision = OnnxPrecision.Int8, CalibrationImages = Images(24, 64) });
        Assert.Empty(OnnxChecker.Check(folder["int8.onnx"]));
        List<double> cosines = [];
        for (int c = 0; c < LesionClasses.Count; c++)
        {
            float[] expected = Run(folder["float.onnx"], images, c, "heatmaps").Data, actual = Run(folder["int8.onnx"], images, c, "heatmaps").Data;
            Assert.DoesNotContain(actual, v => !float.IsFinite(v));
            double product = expected.Zip(actual, (a, b) => (double)a * b).Sum(),
                lengths = Math.Sqrt(expected.Sum(a => (double)a * a) * actual.Sum(a => (double)a * a));
            if (expected.Max() > 0)
            {
                cosines.Add(lengths > 0 ? product / lengths : 0);
            }
        }

        Assert.True(cosines.Order().ElementAt(cosines.Count / 2) > 0.8, string.Join(' ', cosines));
    }

    [Theory]
    [InlineData(OnnxPrecision.Float32)]
    [InlineData(OnnxPrecision.Int8)]
    public void Who_does_not_ask_gets_no_map_and_the_logits_of_a_graph_without_any(OnnxPrecision precision)
    {
        OnnxEnsembleMember[] members = [RandomMember.Create("resnet18", 64), RandomMember.Create("mobilenet_v2", 64)];
        using Tensor images = Images(2, 64);
        OnnxEnsembleOptions options = Options(64) with { Precision = precision, CalibrationImages = Images(8, 64) };
        OnnxEnsemble.Export(members, folder["with.onnx"], options);
        OnnxEnsemble.Export(members, folder["without.onnx"], options with { Explanation = false, Features = false });
        var plain = Run(folder["without.onnx"], images, null, "logits");
        Assert.Equal(plain.Data, Run(folder["with.onnx"], images, null, "logits").Data);
        Assert.Equal(plain.Data, Run(folder["with.onnx"], images, 3, "logits").Data);
        Assert.Equal([0, 2, 8, 8], Run(folder["with.onnx"], images, null, "heatmaps").Shape);
        Assert.Equal([0, 2, 8, 8], Run(folder["with.onnx"], images, -1, "heatmaps").Shape);
        Assert.InRange(new FileInfo(folder["with.onnx"]).Length - new FileInfo(folder["without.onnx"]).Length, 0, 150_000);
    }

    [Fact]
    public void The_most_probable_class_of_each_image_is_explained_in_every_member()
    {
        OnnxEnsembleMember[] members = [RandomMember.Create("resnet18", 128), RandomMember.Create("vit_tiny", 128)];
        using Tensor images = Images(4, 128);
        OnnxEnsemble.Export(members, folder["x.onnx"], Options(128));
        var own = Run(folder["x.onnx"], images, -2, "heatmaps");
        Assert.Equal([4, 2, 16, 16], own.Shape);
        float[] logits = Run(folder["x.onnx"], images, null, "logits").Data;
        foreach (int i in Enumerable.Range(0, 4))
        {
            float[] row = logits[(i * LesionClasses.Count)..((i + 1) * LesionClasses.Count)];
            float[] asked = Run(folder["x.onnx"], images, Array.IndexOf(row, row.Max()), "heatmaps").Data;
            Assert.Equal(asked[(i * 512)..((i + 1) * 512)], own.Data[(i * 512)..((i + 1) * 512)]);
        }
    }

    [Theory]
    [InlineData("horizontal")]
    [InlineData("all")]
    public void With_flips_the_map_is_that_of_the_image_as_it_is(string flips)
    {
        OnnxEnsembleMember[] members = [RandomMember.Create("efficientnet_b0", 64), RandomMember.Create("vit_tiny", 64)];
        using Tensor images = Images(2, 64);
        OnnxEnsemble.Export(members, folder["none.onnx"], Options(64));
        OnnxEnsemble.Export(members, folder["flips.onnx"], Options(64) with { Flips = flips });
        Assert.Empty(OnnxChecker.Check(folder["flips.onnx"]));
        float[] expected = Run(folder["none.onnx"], images, 4, "heatmaps").Data, actual = Run(folder["flips.onnx"], images, 4, "heatmaps").Data;
        Assert.True(expected.Max() > 0);
        Assert.All(expected.Zip(actual), p => Assert.Equal(p.First, p.Second, 1e-3 * expected.Max()));
    }

    [Theory]
    [InlineData("none", OnnxPrecision.Float32)]
    [InlineData("all", OnnxPrecision.Float32)]
    [InlineData("none", OnnxPrecision.Float16)]
    public void Features_statistics_and_suitability_are_those_of_torch(string flips, OnnxPrecision precision)
    {
        OnnxEnsembleMember[] members =
            [RandomMember.Create("resnet18", 64), RandomMember.Create("mobilenet_v2", 64), RandomMember.Create("efficientnet_b0", 64),
            RandomMember.Create("vit_tiny", 64)];
        using Tensor images = Images(3, 64);
        OnnxEnsembleOptions options = Options(64) with { Flips = flips, Precision = precision };
        OnnxEnsemble.Export(members, folder["plain.onnx"], options);
        int features = 512 + 1280 + 1280 + 192, statistics = 128 + 32 + 40, length = features + statistics + 6;
        Assert.Equal([3, features], Run(folder["plain.onnx"], images, null, "features").Shape);
        Assert.Equal([3, statistics], Run(folder["plain.onnx"], images, null, "stage_statistics").Shape);
        Assert.All(Run(folder["plain.onnx"], images, null, "features").Data.Chunk(features), row => Assert.Equal(1, row.Sum(v => v * v), 1e-4));

        Random random = new(7);
        OnnxSuitability suitability = new(
            [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() - 0.5f)],
                [.. Enumerable.Range(0, length * 5).Select(_ => (random.NextSingle() - 0.5f) / 4)], 0.1, 2);
        OnnxEnsemble.Export(members, folder["x.onnx"], options with { Suitability = suitability });
        Assert.Empty(OnnxChecker.Check(folder["x.onnx"]));
        OnnxVerification verification = OnnxEnsemble.Verify(members, folder["x.onnx"], options with { Suitability = suitability }, images);
        Assert.Equal(["features", "logits", "member_logits", "probabilities", "stage_statistics", "suitability"], verification.LargestDifferences.Keys.Order());
        Assert.All(Run(folder["x.onnx"], images, null, "suitability").Data, s => Assert.InRange(s, 1e-6f, 0.999f));
    }

    public void Dispose()
    {
        foreach (InferenceSession session in sessions.Values)
        {
            session.Dispose();
        }

        folder.Dispose();
    }

    private static OnnxEnsembleOptions Options(int size) => new() { InputSize = size, Classes = LesionClasses.Count, Features = true, Explanation = true };

    private static Tensor Images(int count, int size)
    {
        manual_seed(11);
        return randint(0, 256, [count, size, size, 3], dtype: ScalarType.Byte);
    }

    /// <summary>Classes 0 and 1, 2 and 3, 4 and 5 are told by opposite weights, so that of each two at least one has a map that is not 0.</summary>
    private static OnnxEnsembleMember WithOppositeClasses(OnnxEnsembleMember member)
    {
        using IDisposable noGradient = no_grad();
        Linear head = (Linear)member.Module.named_modules().Single(m => m.name == MemberRegistry.Find(member.Name).Head).module;
        foreach (int c in new[] { 0, 2, 4 })
        {
            using Tensor opposite = -head.weight[c];
            head.weight[c + 1].copy_(opposite);
        }

        return member;
    }

    private void Compare(OnnxEnsembleMember member, Tensor images, double tolerance, bool ofTheLargestMap = false)
    {
        var expected = Enumerable.Range(0, LesionClasses.Count).Select(c => GradCam(member, images, c)).ToArray();
        Assert.True(expected.Count(e => e.Map.Max() > 0) >= 3, "too few maps are not 0 to compare anything");
        for (int c = 0; c < LesionClasses.Count; c++)
        {
            var (actual, shape) = Run(folder["x.onnx"], images, c, "heatmaps");
            Assert.Equal([images.shape[0], 1, expected[c].Side, expected[c].Side], shape);
            Assert.True(expected[c].Side >= 8);
            double largest = ofTheLargestMap ? expected.Max(e => e.Map.Max()) : expected[c].Map.Max();
            Assert.All(expected[c].Map.Zip(actual), p => Assert.Equal(p.First, p.Second, tolerance * largest));
        }
    }

    /// <summary>The map by automatic differentiation, and its side.</summary>
    private static (float[] Map, long Side) GradCam(OnnxEnsembleMember member, Tensor images, int c)
    {
        // LibTorch 2.10 computes some convolutions wrongly on several threads.
        int threads = get_num_threads();
        set_num_threads(1);
        try
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor pixels = images.permute(0, 3, 1, 2).contiguous().to_type(ScalarType.Float32) / 255;
            Tensor input = (pixels - tensor(member.Mean.ToArray()).view(1, 3, 1, 1)) / tensor(member.Std.ToArray()).view(1, 3, 1, 1);
            TorchStages stages = ((IOnnxStagedNetwork)member.Module).ForwardStages(input);
            Tensor map = stages.Maps.Last(m => m.shape[2] >= 8);
            Tensor gradient = autograd.grad([stages.Logits.select(1, c).sum()], [map])[0];
            Tensor cam = (map * gradient.mean([2, 3], keepdim: true)).sum(1).relu();
            return (cam.detach().contiguous().data<float>().ToArray(), map.shape[2]);
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    /// <summary>One output of a graph; the file must not change any more.</summary>
    private (float[] Data, long[] Shape) Run(string path, Tensor images, long? explain, string output)
    {
        if (!sessions.TryGetValue(path, out InferenceSession? session))
        {
            using SessionOptions options = new() { IntraOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
            sessions[path] = session = new(path, options);
        }

        using OrtValue image = OrtValue.CreateTensorValueFromMemory(images.data<byte>().ToArray(), images.shape);
        using OrtValue asked = OrtValue.CreateTensorValueFromMemory(new[] { explain ?? -1 }, [1]);
        using RunOptions run = new();
        using var outputs = explain is null ? session.Run(run, ["image"], [image], [output]) : session.Run(run, ["image", "explain"], [image, asked], [output]);
        return (outputs[0].GetTensorDataAsSpan<float>().ToArray(), outputs[0].GetTensorTypeAndShape().Shape);
    }
}
