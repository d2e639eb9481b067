using System.IO.Compression;
using Lentigo.Training.Weights;
using TorchSharp;

namespace Lentigo.Training.Tests.Weights;

public class PthFileTests
{
    [Fact]
    public void A_state_dict_is_read_with_its_names_shapes_and_values_in_order()
    {
        byte[] file = new TorchSave().Begin()
            .Floats("conv1.weight", [1, 2, 3, 4, 5, 6], 1, 2, 3)
            .Floats("bn1.bias", [-0.5f], 1)
            .Tensor("bn1.num_batches_tracked", "LongStorage", [7, 0, 0, 0, 0, 0, 0, 0], 1, 0, [], [])
            .Tensor("half", "HalfStorage", [0x00, 0x3c, 0x00, 0xc0], 2, 0, [2], [1])
            .End();

        IReadOnlyDictionary<string, WeightTensor> tensors = Read(file);

        Assert.Equal(["conv1.weight", "bn1.bias", "bn1.num_batches_tracked", "half"], tensors.Keys);
        Assert.Equal([1, 2, 3], tensors["conv1.weight"].Shape);
        Assert.Equal([1, 2, 3, 4, 5, 6], tensors["conv1.weight"].ToTensor().data<float>().ToArray());
        Assert.Equal(-0.5f, tensors["bn1.bias"].ToTensor().item<float>());
        Assert.Equal(7, tensors["bn1.num_batches_tracked"].ToTensor().item<long>());
        Assert.Empty(tensors["bn1.num_batches_tracked"].Shape);
        Assert.Equal([1, -2], tensors["half"].ToTensor().to(torch.float32).data<float>().ToArray());
    }

    [Fact]
    public void Views_share_their_storage_and_transposed_ones_come_out_row_major()
    {
        byte[] storage = TorchSave.Bytes([0, 1, 2, 3, 4, 5, 6]);
        byte[] file = new TorchSave().Begin()
            .Tensor("transposed", "FloatStorage", storage, 7, 1, [2, 3], [1, 2])
            .Text("tail").View("FloatStorage", "0", 7, 5, [2], [1])
            .Text("nothing").View("FloatStorage", "0", 7, 0, [0, 3], [3, 1])
            .End();

        IReadOnlyDictionary<string, WeightTensor> tensors = Read(file);

        Assert.Equal([1, 3, 5, 2, 4, 6], tensors["transposed"].ToTensor().data<float>().ToArray());
        Assert.Equal([5, 6], tensors["tail"].ToTensor().data<float>().ToArray());
        Assert.Equal([0, 3], tensors["nothing"].ToTensor().shape);
    }

    [Fact]
    public void Parameters_module_versions_and_a_training_scripts_wrapper_are_understood()
    {
        // {'epoch': 3, 'model': OrderedDict([('w', Parameter(tensor([2.])))])} with the inner dict's _metadata set by BUILD.
        TorchSave save = new TorchSave().Raw(0x80, 2).Raw("}(").Text("epoch").Raw((byte)'K', 3).Text("model");
        byte[] file = save.Raw("ccollections\nOrderedDict\n)R(").Text("w").Raw("ctorch._utils\n_rebuild_parameter\n(")
            .FloatValue(2).Raw([0x88]).Raw("ccollections\nOrderedDict\n)RtRu}").Text("_metadata").Raw("}sbu.").Zip();

        Assert.Equal(2, Assert.Single(Read(file)).Value.ToTensor().item<float>());
    }

    [Fact]
    public void Weights_are_found_under_any_key_beside_the_optimizers_state_and_a_scripts_own_objects()
    {
        // {'hparams': AttributeDict({'lr': 1}), 'optimizer': {'state': {0: {'exp_avg': t}}}, 'net': {'w': t}, 'ema': {'state_dict_like': {...}}}, as Lightning
        // and others write.
        byte[] file = new TorchSave().Raw(0x80, 2).Raw("}(")
            .Text("hyper_parameters").Raw("cpytorch_lightning.utilities.parsing\nAttributeDict\n)").Raw([0x81]).Raw("}(").Text("lr").Raw((byte)'K', 1).Raw("ub")
            .Text("args").Raw("cargparse\nNamespace\n)R")
            .Text("optimizer").Raw("}(").Text("state").Raw("}(").Raw((byte)'K', 0).Raw("}(").Floats("exp_avg", [9, 9, 9], 3).Raw("uuu")
            .Text("net").Raw("}(").Floats("w", [2], 1).Raw("u")
            .Raw("u.").Zip();
        KeyValuePair<string, WeightTensor> only = Assert.Single(Read(file));
        Assert.Equal(("w", 2f), (only.Key, only.Value.ToTensor().item<float>()));
    }

    [Theory]
    [InlineData("cos\nsystem\n(X\u0004\0\0\0echotR.", "os.system")]
    [InlineData("cposix\nsystem\n(X\u0004\0\0\0echotR.", "posix.system")]
    [InlineData("c__builtin__\neval\n(X\u0001\0\0\01tR.", "__builtin__.eval")]
    [InlineData("ctorch\nload\n.", "torch.load")]
    [InlineData("(S'echo'\nios\nsystem\n.", "instruction 0x53")]
    [InlineData("cos\n\u001b[2Jsystem\n.", "os.?[2Jsystem")]
    public void A_pickle_that_asks_for_code_is_refused_by_name_and_never_run(string program, string named)
    {
        string message = Refusal(new TorchSave().Raw(0x80, 2).Raw(program).Zip());
        Assert.Contains(named, message, StringComparison.Ordinal);
        Assert.Contains("no code of a weights file is ever run", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Code_hidden_behind_a_good_tensor_is_refused()
    {
        byte[] file = new TorchSave().Begin().Floats("w", [1], 1).Text("x").Raw("cos\nsystem\n").Text("touch owned").Raw([0x85]).Raw("R").End();
        Assert.Contains("os.system", Refusal(file), StringComparison.Ordinal);
    }

    [Fact]
    public void A_storage_type_or_a_dictionary_cannot_be_called()
    {
        Assert.Contains("torch.save does not", Refusal(new TorchSave().Raw(0x80, 2).Raw("ctorch\nFloatStorage\n)R.").Zip()), StringComparison.Ordinal);
        Assert.Contains("torch.save does not", Refusal(new TorchSave().Raw(0x80, 2).Raw("})R.").Zip()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, new long[] { 3 }, new long[] { 1 })] // more than the two elements
    [InlineData(1, new long[] { 2 }, new long[] { 1 })] // beyond the end
    [InlineData(-1, new long[] { 2 }, new long[] { 1 })]
    [InlineData(0, new long[] { 1L << 40 }, new long[] { 0 })] // one element expanded to four terabytes
    [InlineData(0, new long[] { 1L << 32, 1L << 32 }, new long[] { 1, 1 })] // a product that wraps to 0
    [InlineData(0, new long[] { 2 }, new long[] { long.MaxValue })]
    [InlineData(0, new long[] { 2 }, new long[] { 1, 1 })]
    public void A_tensor_that_does_not_lie_in_its_storage_is_refused(long offset, long[] size, long[] stride)
    {
        byte[] file = new TorchSave().Begin().Tensor("w", "FloatStorage", TorchSave.Bytes([1, 2]), 2, offset, size, stride).End();
        Refusal(file);
    }

    [Fact]
    public void A_storage_that_is_missing_shorter_or_of_two_types_is_refused()
    {
        Assert.Contains("missing", Refusal(new TorchSave().Begin().Text("w").View("FloatStorage", "../0", 1, 0, [1], [1]).End()), StringComparison.Ordinal);
        Assert.Contains("8 bytes", Refusal(new TorchSave().Begin().Tensor("w", "FloatStorage", TorchSave.Bytes([1, 2]), 3, 0, [1], [1]).End()),
            StringComparison.Ordinal);
        Assert.Contains("two types", Refusal(new TorchSave().Begin().Floats("w", [1, 2], 2).Text("v").View("LongStorage", "0", 1, 0, [1], [1]).End()),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_compressed_archive_is_refused_as_a_possible_bomb()
    {
        byte[] file = new TorchSave().Begin().Floats("w", new float[100_000], 100_000).Raw("u.").Zip(CompressionLevel.SmallestSize);
        Assert.Contains("compressed", Refusal(file), StringComparison.Ordinal);
    }

    [Fact]
    public void Views_that_repeat_a_storage_without_end_are_refused_before_memory_runs_out()
    {
        TorchSave save = new TorchSave().Begin().Tensor("w", "FloatStorage", new byte[4_000_000], 1_000_000, 0, [1000, 1000], [1, 1000]);
        for (int i = 0; i < 100; i++)
        {
            save.Text($"v{i}").View("FloatStorage", "0", 1_000_000, 0, [1000, 1000], [1, 1000]);
        }

        Assert.Contains("more than its", Refusal(save.End()), StringComparison.Ordinal);
    }

    [Fact]
    public void The_format_before_pytorch_1_6_is_refused_with_the_way_to_convert_it()
    {
        Assert.Contains("torch.save(torch.load", Refusal([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_text_an_empty_file_a_missing_file_and_another_zip_are_refused_with_a_sentence()
    {
        Assert.Contains("not a zip archive", Refusal("hello, world"u8.ToArray()), StringComparison.Ordinal);
        Assert.Contains("not a zip archive", Refusal([]), StringComparison.Ordinal);
        Assert.Contains("cannot be read", Assert.Throws<WeightsFileException>(() => PthFile.Read("/no/such/file.pth")).Message, StringComparison.Ordinal);
        MemoryStream other = new();
        using (ZipArchive archive = new(other, ZipArchiveMode.Create, leaveOpen: true))
        {
            archive.CreateEntry("readme.txt").Open().Dispose();
        }

        Assert.Contains("data.pkl", Refusal(other.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_a_dictionary_of_tensors_is_refused()
    {
        Assert.Contains("no dictionary", Refusal(new TorchSave().Raw(0x80, 2).Raw((byte)'K', 1).Raw(".").Zip()), StringComparison.Ordinal);
        Assert.Contains("'lr' is not a tensor", Refusal(new TorchSave().Begin().Text("lr").Raw((byte)'K', 1).End()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_cut_anywhere_or_with_any_byte_changed_is_read_or_refused_but_never_crashes()
    {
        byte[] file = new TorchSave().Begin().Floats("conv1.weight", [1, 2, 3, 4, 5, 6], 2, 3).Floats("b", [1, 2], 2).Raw("u}").Text("_metadata").Raw("}sb.")
            .Zip();
        Read(file);
        for (int length = 0; length < file.Length; length++)
        {
            Refusal(file[..length]);
        }

        Random random = new(1);
        for (int trial = 0; trial < 20_000; trial++)
        {
            byte[] damaged = [.. file];
            for (int k = random.Next(1, 4); k > 0; k--)
            {
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            }

            try
            {
                Read(damaged);
            }
            catch (WeightsFileException)
            {
            }
        }
    }

    private static IReadOnlyDictionary<string, WeightTensor> Read(byte[] file) => PthFile.Read(new MemoryStream(file), "test.pth");

    private static string Refusal(byte[] file)
    {
        string message = Assert.Throws<WeightsFileException>(() => Read(file)).Message;
        Assert.Contains("test.pth", message, StringComparison.Ordinal);
        return message;
    }
}
