using System.Text;
using CsCheck;
using Lentigo.Training.Networks;
using Lentigo.Training.Weights;
using static TorchSharp.torch;

namespace Lentigo.Training.Tests.Weights;

public sealed class SafetensorsTests
{
    [Fact]
    public void What_is_written_is_read()
    {
        using TemporaryFolder folder = new();
        manual_seed(1);
        Tensor a = randn(2, 3), b = arange(5).to(ScalarType.Int64), scalar = tensor(3.5f);
        SafetensorsFile.Write(folder["x.safetensors"], [("a", a), ("b", b), ("c", scalar)], new Dictionary<string, string> { ["k"] = "v" });
        var (tensors, metadata) = SafetensorsFile.Read(folder["x.safetensors"]);
        Assert.Equal("v", metadata["k"]);
        Assert.True(a.equal(tensors["a"].ToTensor()).all().item<bool>());
        Assert.Equal(b.data<long>().ToArray(), tensors["b"].ToTensor().data<long>().ToArray());
        Assert.Empty(tensors["c"].Shape);
    }

    [Theory]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,64]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1000],\"data_offsets\":[0,4000]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,-4]}}")]
    [InlineData("{\"a\":{\"shape\":[1]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[9223372036854775807,-9223372036854775805]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,9223372036854775808]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4294967296],\"data_offsets\":[0,0]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}")]
    [InlineData("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}")]
    [InlineData("{\"__metadata__\":{\"k\":1}}")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}")]
    [InlineData("{\"a\":{\"dtype\":\"\\ud800\",\"shape\":[1],\"data_offsets\":[0,4]}}")]
    [InlineData("{\"a\":[]}")]
    [InlineData("[]")]
    [InlineData("not json")]
    public void A_header_that_does_not_fit_the_file_is_refused(string header)
    {
        using TemporaryFolder folder = new();
        byte[] text = Encoding.UTF8.GetBytes(header);
        File.WriteAllBytes(folder["bad.safetensors"], [.. BitConverter.GetBytes((ulong)text.Length), .. text, .. new byte[16]]);
        WeightsFileException refused = Assert.Throws<WeightsFileException>(() => SafetensorsFile.Read(folder["bad.safetensors"]));
        Assert.Contains("bad.safetensors", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_file_is_read_or_refused_in_words()
    {
        using TemporaryFolder folder = new();
        using Tensor a = zeros(2, 3), b = zeros(4, ScalarType.Int64);
        SafetensorsFile.Write(folder["good.safetensors"], [("a", a), ("b", b)], new Dictionary<string, string> { ["k"] = "v" });
        byte[] good = File.ReadAllBytes(folder["good.safetensors"]);
        string text = Encoding.ASCII.GetString(good, 8, BitConverter.ToInt32(good));
        string[] parts = ["0", "1", "-1", "24", "9223372036854775807", "-9223372036854775808", "1e308", "[]", "{}", "null", "\"F32\"", "\"BOOL\"", ",", "]", "\\ud800"];

        // A number, a bracket or a word of the header becomes another one, and some bytes of the file do too.
        Gen.Select(Gen.Int[0, text.Length - 1], Gen.Int[0, 4], Gen.Int[0, parts.Length - 1], Gen.Select(Gen.Int[0, 20], Gen.Byte).Array[0, 2], Gen.Int[0, 40]).Sample((at, length, chosen, bytes, cut) =>
        {
            byte[] header = Encoding.ASCII.GetBytes(text.Remove(at, Math.Min(length, text.Length - at)).Insert(at, parts[chosen]));
            byte[] file = [.. BitConverter.GetBytes((ulong)header.Length), .. header, .. good.AsSpan(8 + text.Length)];
            foreach ((int index, byte value) in bytes)
            {
                file[index] = value;
            }

            string path = folder[$"{Guid.NewGuid():N}.safetensors"];
            File.WriteAllBytes(path, file[..Math.Max(0, file.Length - cut)]);
            try
            {
                Assert.All(SafetensorsFile.Read(path).Tensors.Values, t => Assert.True(t.Shape.All(s => s >= 0)));
            }
            catch (WeightsFileException e)
            {
                Assert.Contains(path, e.Message, StringComparison.Ordinal);
            }
            finally
            {
                File.Delete(path);
            }
        }, iter: 5000);
    }

    [Fact]
    public void A_header_longer_than_the_file_is_refused()
    {
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder["bad.safetensors"], BitConverter.GetBytes(ulong.MaxValue));
        Assert.Throws<WeightsFileException>(() => SafetensorsFile.Read(folder["bad.safetensors"]));
    }

    [Theory]
    [InlineData("resnet18")]
    [InlineData("mobilenet_v2")]
    public void A_network_started_from_folded_weights_computes_what_the_folded_network_did(string name)
    {
        using TemporaryFolder folder = new();
        manual_seed(1);
        MemberArchitecture architecture = MemberRegistry.Find(name);
        using var trained = architecture.Create(7, 64);
        using var noGradient = no_grad();
        foreach (var (buffer, value) in trained.named_buffers().Where(b => b.buffer.is_floating_point()))
        {
            value.copy_(buffer.EndsWith("var", StringComparison.Ordinal) ? rand_like(value) + 0.5 : randn_like(value) * 0.1);
        }

        trained.eval();
        SafetensorsFile.Write(folder["folded.safetensors"], Folded(trained), new Dictionary<string, string>());
        Tensor images = randn(16, 3, 64, 64);
        using var started = architecture.Create(7, 64);
        StartWeightsReport report = StartWeights.Load(started, folder["folded.safetensors"], [images]);
        Assert.Empty(report.Missing);
        Assert.Empty(report.Unused);

        started.eval();
        Tensor expected = trained.call(images);
        Assert.True(started.call(images).allclose(expected, rtol: 1e-3, atol: 1e-3));

        // In training the batch's own statistics are those that were measured: all but dropout computes the same.
        started.train();
        foreach (var dropout in started.modules().OfType<TorchSharp.Modules.Dropout>())
        {
            dropout.eval();
        }

        Assert.True(started.call(images).allclose(expected, rtol: 0.02, atol: 0.02));
    }

    /// <summary>The network's tensors with each batch normalization folded into the convolution before it.</summary>
    private static List<(string, Tensor)> Folded(nn.Module network)
    {
        List<(string, Tensor)> tensors = [];
        (string Name, TorchSharp.Modules.Conv2d Conv)? last = null;
        foreach (var (name, module) in network.named_modules())
        {
            if (module is TorchSharp.Modules.Conv2d conv)
            {
                last = (name, conv);
            }
            else if (module is TorchSharp.Modules.BatchNorm2d norm)
            {
                Tensor scale = norm.weight! / (norm.running_var! + norm.eps).sqrt();
                tensors.Add((last!.Value.Name + ".weight", last.Value.Conv.weight * scale.view(-1, 1, 1, 1)));
                tensors.Add((last.Value.Name + ".bias", norm.bias! - (norm.running_mean! * scale)));
            }
            else if (module is TorchSharp.Modules.Linear linear)
            {
                tensors.Add((name + ".weight", linear.weight));
                tensors.Add((name + ".bias", linear.bias!));
            }
        }

        return tensors;
    }
}
