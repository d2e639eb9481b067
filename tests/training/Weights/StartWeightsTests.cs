using Lentigo.Training.Data;
using Lentigo.Training.Networks;
using Lentigo.Training.Recipes;
using Lentigo.Training.Trainers;
using Lentigo.Training.Weights;
using static TorchSharp.torch;

namespace Lentigo.Training.Tests.Weights;

public sealed class StartWeightsTests : IDisposable
{
    private static readonly Dictionary<string, string> NoMetadata = [];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_checkpoint_of_ours_starts_another_training_with_its_weights()
    {
        using LesionDataSet data = SyntheticLesions.DataSet(perClass: 4, size: 16);
        DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, seed: 1, folds: 2);
        TrainingRecipe recipe = new() { Size = 16, Epochs = 1, BatchSize = 7, Ema = 0.5 };
        MemberSpec trained = new("resnet18@7", MemberRegistry.Find("resnet18"), 7);
        string checkpoints = Directory.CreateDirectory(_folder["checkpoints"]).FullName;
        new Trainer(TrainingImages.Of(data, split, [], Assert.Fail), recipe, CPU, [.. Enumerable.Repeat(1.0 / 7, 7)])
            .Train(trained, null, checkpoints, resume: false, new Deaf(), TestContext.Current.CancellationToken);

        foreach (string file in new[] { RunFiles.BestPath(checkpoints, trained.Name), RunFiles.CheckpointPath(checkpoints, trained.Name) })
        {
            using var network = trained.Architecture.Create(7, 16);
            StartWeightsReport report = StartWeights.Load(network, file, []);
            Assert.Empty(report.Missing);
            Assert.Empty(report.Unused); // the optimizer's state is not listed as unused weights
            Assert.Equal(0, report.Normalizations);
            using Tensor expected = SafetensorsFile.Read(file).Tensors["layer4.1.conv2.weight"].ToTensor();
            Assert.True(network.get_parameter("layer4.1.conv2.weight")!.allclose(expected, rtol: 0, atol: 0));
        }
    }

    [Fact]
    public void In_a_runs_folder_the_members_own_best_checkpoint_is_taken_and_then_its_networks()
    {
        MemberArchitecture resnet = MemberRegistry.Find("resnet18");
        string Touch(string file)
        {
            string path = _folder[Path.Combine("checkpoints", file)];
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, "");
            return path;
        }

        Touch("resnet18.safetensors");
        string best = Touch("resnet18.best.safetensors"), other = Touch("resnet18@7.best.safetensors");
        Touch("resnet18@7.safetensors");
        foreach (string folder in new[] { _folder.Path, _folder["checkpoints"] })
        {
            Assert.Equal(best, StartWeights.Find(folder, new("resnet18", resnet, 1)));
            Assert.Equal(other, StartWeights.Find(folder, new("resnet18@7", resnet, 7)));
            Assert.Equal(best, StartWeights.Find(folder, new("resnet18@3", resnet, 3)));
        }

        Assert.Null(StartWeights.Find(_folder["checkpoints"], new("vit_tiny", MemberRegistry.Find("vit_tiny"), 1)));
    }

    [Fact]
    public void A_folder_of_public_weights_gives_each_network_its_own_and_refuses_to_choose()
    {
        File.WriteAllText(_folder["resnet18-f37072fd.pth"], "");
        File.WriteAllText(_folder["resnet18.txt"], "");
        MemberSpec member = new("resnet18", MemberRegistry.Find("resnet18"), 1);
        Assert.Equal(_folder["resnet18-f37072fd.pth"], StartWeights.Find(_folder.Path, member));
        File.WriteAllText(_folder["resnet18_mine.safetensors"], "");
        Assert.Contains("several weights for resnet18", Assert.Throws<WeightsFileException>(() => StartWeights.Find(_folder.Path, member)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("module.", "resnet18.pth.tar")]
    [InlineData("model.", "resnet18.ckpt")]
    [InlineData("backbone.", "resnet18.safetensors")]
    [InlineData("module.net.", "resnet18.pt")]
    [InlineData("", "resnet18.bin")]
    public void Names_with_a_wrappers_prefix_find_their_places_whatever_the_files_extension(string prefix, string fileName)
    {
        using nn.Module<Tensor, Tensor> source = MemberRegistry.Find("resnet18").Create(7, 32), network = MemberRegistry.Find("resnet18").Create(7, 32);
        SafetensorsFile.Write(_folder[fileName],
            source.state_dict().Where(p => p.Value.is_floating_point()).Select(p => (prefix + p.Key, p.Value)).Append(("teacher.conv1.weight", zeros(1)))
            .ToList(), NoMetadata);
        Assert.Equal(_folder[fileName], StartWeights.Find(_folder.Path, new("resnet18", MemberRegistry.Find("resnet18"), 1)));
        StartWeightsReport report = StartWeights.Load(network, _folder[fileName], []);
        Assert.Empty(report.Missing);
        Assert.Equal(["teacher.conv1.weight"], report.Unused);
        Assert.True(network.get_parameter("layer4.1.conv2.weight")!.allclose(source.get_parameter("layer4.1.conv2.weight")!, rtol: 0, atol: 0));
    }

    [Theory]
    [InlineData("efficientnet_b0", 7, new[] { 1, 2, 2, 3, 3, 4, 1 })]
    [InlineData("efficientnet_b4", 7, new[] { 2, 4, 4, 6, 6, 8, 2 })]
    public void Timms_names_of_EfficientNet_find_their_places(string member, int stages, int[] layers)
    {
        MemberArchitecture architecture = MemberRegistry.Find(member);
        using nn.Module<Tensor, Tensor> source = architecture.Create(1000, 32), network = architecture.Create(7, 32);
        Dictionary<string, Tensor> torchvision = source.state_dict().Where(p => p.Value.is_floating_point()).ToDictionary(p => p.Key, p => p.Value);
        List<(string, Tensor)> timm = [];
        void Add(string theirs, string ours)
        {
            foreach (string end in new[] { "weight", "bias", "running_mean", "running_var" })
            {
                if (torchvision.Remove($"{ours}.{end}", out Tensor? value))
                {
                    timm.Add(($"{theirs}.{end}", value));
                }
            }
        }

        Add("conv_stem", "features.0.0");
        Add("bn1", "features.0.1");
        for (int s = 0; s < stages; s++)
        {
            for (int i = 0; i < layers[s]; i++)
            {
                string[] theirs = s == 0
                    ? ["conv_dw", "bn1", "se.conv_reduce", "se.conv_expand", "conv_pw", "bn2"]
                    : ["conv_pw", "bn1", "conv_dw", "bn2", "se.conv_reduce", "se.conv_expand", "conv_pwl", "bn3"];
                string[] ours = s == 0 ? ["0.0", "0.1", "1.fc1", "1.fc2", "2.0", "2.1"] : ["0.0", "0.1", "1.0", "1.1", "2.fc1", "2.fc2", "3.0", "3.1"];
                foreach ((string from, string to) in theirs.Zip(ours))
                {
                    Add($"blocks.{s}.{i}.{from}", $"features.{s + 1}.{i}.block.{to}");
                }
            }
        }

        Add("conv_head", "features.8.0");
        Add("bn2", "features.8.1");
        Add("classifier", "classifier.1");
        Assert.Empty(torchvision);
        SafetensorsFile.Write(_folder["timm.safetensors"], timm, NoMetadata);
        StartWeightsReport report = StartWeights.Load(network, _folder["timm.safetensors"], [], architecture.PublicNames);
        Assert.Equal(["classifier.1.weight", "classifier.1.bias"], report.Missing); // of 1000 classes
        Assert.Equal(2, report.Unused.Count);
    }

    [Fact]
    public void DeiTs_public_names_find_their_places_in_the_vision_transformer()
    {
        // DeiT-tiny for 224 px in patches of 16 with ImageNet's 1000 classes, as it is published.
        List<(string, Tensor)> deit =
            [("cls_token", randn(1, 1, 192)), ("pos_embed", randn(1, 197, 192)), ("norm.weight", randn(192)), ("norm.bias", randn(192)),
            ("head.weight", randn(1000, 192)), ("head.bias", randn(1000))];
        deit.AddRange([("patch_embed.proj.weight", randn(192, 3, 16, 16)), ("patch_embed.proj.bias", randn(192))]);
        for (int i = 0; i < 12; i++)
        {
            deit.AddRange([
                ($"blocks.{i}.norm1.weight", randn(192)), ($"blocks.{i}.norm1.bias", randn(192)), ($"blocks.{i}.norm2.weight", randn(192)),
                    ($"blocks.{i}.norm2.bias", randn(192)),
                ($"blocks.{i}.attn.qkv.weight", randn(576, 192)), ($"blocks.{i}.attn.qkv.bias", randn(576)), ($"blocks.{i}.attn.proj.weight", randn(192, 192)),
                    ($"blocks.{i}.attn.proj.bias", randn(192)),
                ($"blocks.{i}.mlp.fc1.weight", randn(768, 192)), ($"blocks.{i}.mlp.fc1.bias", randn(768)), ($"blocks.{i}.mlp.fc2.weight", randn(192, 768)),
                    ($"blocks.{i}.mlp.fc2.bias", randn(192))]);
        }

        SafetensorsFile.Write(_folder["deit.safetensors"], deit, NoMetadata);
        MemberArchitecture transformer = MemberRegistry.Find("vit_tiny");
        using var network = transformer.Create(7, 64);
        StartWeightsReport report = StartWeights.Load(network, _folder["deit.safetensors"], [], transformer.PublicNames);
        Assert.Equal(["conv_proj.weight", "encoder.pos_embedding", "heads.head.bias", "heads.head.weight"], report.Missing.Order(StringComparer.Ordinal));
        Assert.Equal(["head.bias", "head.weight", "patch_embed.proj.weight", "pos_embed"], report.Unused.Order(StringComparer.Ordinal));
        Assert.True(network.get_parameter("encoder.layers.encoder_layer_3.self_attention.in_proj_weight")!.allclose(
            deit.Single(t => t.Item1 == "blocks.3.attn.qkv.weight").Item2, rtol: 0, atol: 0));
        Assert.Contains("encoder.layers.encoder_layer_11.mlp.3.weight [192, 768]  <- blocks.11.mlp.fc2.weight", report.Lines());
        Assert.Contains("encoder.pos_embedding [1, 65, 192]  stays as it was: pos_embed of the file is [1, 197, 192]", report.Lines());
    }

    [Fact]
    public void The_map_names_every_tensor_of_the_network_and_where_it_came_from()
    {
        SafetensorsFile.Write(_folder["w.safetensors"], [("conv1.weight", ones(64, 3, 7, 7)), ("fc.weight", ones(1000, 512)), ("extra", ones(1))], NoMetadata);
        using var network = MemberRegistry.Find("resnet18").Create(7, 64);
        StartWeightsReport report = StartWeights.Load(network, _folder["w.safetensors"], []);
        int tensors = network.named_parameters().Count() + network.named_buffers()
            .Count(b => !b.name.EndsWith("num_batches_tracked", StringComparison.Ordinal));
        string[] lines = [.. report.Lines()];
        Assert.Equal(tensors, lines.Length);
        Assert.Contains("conv1.weight [64, 3, 7, 7]  <- conv1.weight", lines);
        Assert.Contains("fc.weight [7, 512]  stays as it was: fc.weight of the file is [1000, 512]", lines);
        Assert.Contains("fc.bias [7]  stays as it was: not in the file", lines);
        Assert.Equal(["fc.weight", "extra"], report.Unused);
        Assert.Equal(["conv1.weight"], report.Loaded);
    }

    [Fact]
    public void A_file_of_which_nothing_fits_is_refused()
    {
        SafetensorsFile.Write(_folder["w.safetensors"], [("other", ones(1))], NoMetadata);
        using var network = MemberRegistry.Find("resnet18").Create(7, 64);
        Assert.Contains("Nothing in the weights file",
            Assert.Throws<WeightsFileException>(() => StartWeights.Load(network, _folder["w.safetensors"], [])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Public_weights_named_as_torchvisions_need_no_mapping() => Assert.All(PretrainedWeights.All, w =>
    {
        MemberArchitecture architecture = MemberRegistry.Find(w.Network);
        using nn.Module<Tensor, Tensor> network = architecture.Create(7, 64);
        Assert.All(network.state_dict().Keys, name => Assert.Equal(name, PublicName.Translate(name, architecture.PublicNames)));
    });

    private sealed class Deaf : ITrainingListener
    {
        public void OnStart(string member, StartWeightsReport? weights, int resumedEpoch)
        {
        }

        public void OnProgress(TrainingProgress progress)
        {
        }

        public void OnEpoch(EpochRecord epoch)
        {
        }
    }
}
