using Lentigo.Training.Data;
using static TorchSharp.torch;

namespace Lentigo.Training.Tests.Data;

public sealed class DataSetSplitTests
{
    [Theory]
    [InlineData(5)]
    [InlineData(3)]
    public void No_lesion_is_on_both_sides_and_every_image_is_validated_on_once(int folds)
    {
        using LesionDataSet data = Records(700);
        List<int> validated = [];
        for (int fold = 0; fold < folds; fold++)
        {
            DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, seed: 1, folds, fold);
            Assert.Empty(split.Train.Select(i => data.Records[i].Lesion).Intersect(split.Val.Select(i => data.Records[i].Lesion)));
            Assert.Equal(data.Count, split.Train.Count + split.Val.Count);
            validated.AddRange(split.Val);
        }

        Assert.Equal(Enumerable.Range(0, data.Count), validated.Order());
    }

    [Fact]
    public void A_split_is_stratified_by_class_and_resolution()
    {
        using LesionDataSet data = Records(2800);
        DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, seed: 1);
        foreach (var stratum in data.Records.Index().GroupBy(r => (r.Item.Label, r.Item.Stratum)))
        {
            double share = stratum.Average(r => split.Val.Contains(r.Index) ? 1.0 : 0.0);
            Assert.InRange(share, 0.12, 0.28);
        }
    }

    [Fact]
    public void One_seed_gives_one_split_and_another_seed_another()
    {
        using LesionDataSet data = Records(140);
        Assert.Equal(DataSetSplit.Make(data, SplitKind.Lesion, 1).Fingerprint, DataSetSplit.Make(data, SplitKind.Lesion, 1).Fingerprint);
        Assert.NotEqual(DataSetSplit.Make(data, SplitKind.Lesion, 1).Fingerprint, DataSetSplit.Make(data, SplitKind.Lesion, 2).Fingerprint);
    }

    [Fact]
    public void Without_lesion_ids_the_split_is_by_image_and_says_so()
    {
        using LesionDataSet data = Records(140, lesions: false);
        Assert.Equal(SplitKind.Image, DataSetSplit.Make(data, SplitKind.Lesion, 1).Kind);
    }

    [Fact]
    public void A_split_that_was_saved_comes_back_with_its_fingerprint()
    {
        using TemporaryFolder folder = new();
        using LesionDataSet data = Records(140);
        DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, 1, folds: 4, fold: 2);
        split.Save(folder["split.csv"], data);
        DataSetSplit read = DataSetSplit.Read(folder["split.csv"], data, Assert.Fail);
        Assert.Equal(split.Fingerprint, read.Fingerprint);
        Assert.Equal(split.Train, read.Train);
        Assert.Equal(split.Val, read.Val);
        Assert.Equal("file", read.KindName);
    }

    [Fact]
    public void An_image_whose_name_needs_quotes_survives_saving()
    {
        using TemporaryFolder folder = new();
        string[] ids = ["mel/a, b.jpg", "mel/\"c\".jpg", "nv/d.jpg"];
        using LesionDataSet data = new("names", [.. ids.Select((id, i) => new LesionRecord(id, i, null, "28"))], zeros([3, 1, 1, 3], dtype: ScalarType.Byte));
        new DataSetSplit(SplitKind.Image, [0, 1], [2], "").Save(folder["split.csv"], data);
        DataSetSplit read = DataSetSplit.Read(folder["split.csv"], data, Assert.Fail);
        Assert.Equal([0, 1], read.Train);
    }

    [Theory]
    [InlineData("image_id,subset\ni00000,train\ni99999,val", "names 1 images that are not in records")]
    [InlineData("image_id,subset\ni00000,train\ni00001,valid", "line 3: the subset 'valid'")]
    [InlineData("image_id,subset\ni00000,train\ni00000,val", "listed twice")]
    [InlineData("image_id,subset\ni00000,train\ni00001,", "has no subset")]
    [InlineData("image_id,subset\ni00000,train\ni00001,val", "1 images of records into 'train' and 1 into 'val'")]
    [InlineData("image,subset\ni00000,train", "lacks image_id")]
    [InlineData("", "lacks image_id")]
    public void A_split_file_that_does_not_fit_is_refused(string csv, string reason)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["split.csv"], csv);
        using LesionDataSet data = Records(140);
        Assert.Contains(reason, Assert.Throws<DataSetException>(() => DataSetSplit.Read(folder["split.csv"], data, _ => { })).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_split_file_says_what_it_leaves_out_and_which_lesions_it_tears()
    {
        using TemporaryFolder folder = new();
        using LesionDataSet data = Records(8);
        File.WriteAllText(folder["split.csv"], "image_id,subset\ni00000,train\ni00001,val\ni00002,train\ni00003,train\ni00004,test\n");
        string refusal = Assert.Throws<DataSetException>(() => DataSetSplit.Read(folder["split.csv"], data, _ => { })).Message;
        Assert.Contains("1 lesions have images on both sides", refusal, StringComparison.Ordinal);
        Assert.Contains("--allow-leaks", refusal, StringComparison.Ordinal);
        List<string> warnings = [];
        DataSetSplit split = DataSetSplit.Read(folder["split.csv"], data, warnings.Add, allowLeaks: true);
        Assert.Equal([0, 2, 3], split.Train);
        Assert.Equal([1], split.Val);
        Assert.Contains("3 images", warnings[0], StringComparison.Ordinal);
        Assert.Contains("1 lesions have images on both sides", warnings[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Copies_of_a_picture_stay_on_one_side_with_all_images_of_their_lesions(bool lesions)
    {
        using LesionDataSet data = WithCopies(lesions);
        Assert.Equal([[0, 1], [2, 30], [3, 40]], data.Copies);
        List<int> validated = [];
        for (int fold = 0; fold < 5; fold++)
        {
            DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, seed: 1, folds: 5, fold);
            (int torn, IReadOnlyList<int[]> copies) = split.Leaks(data);
            Assert.Equal(0, torn);
            Assert.Empty(copies);
            validated.AddRange(split.Val);
        }

        Assert.Equal(Enumerable.Range(0, data.Count), validated.Order());
        // as the paper does
        Assert.NotEmpty(Enumerable.Range(0, 5).SelectMany(fold => DataSetSplit.Make(data, SplitKind.Image, seed: 1, folds: 5, fold).Leaks(data).Copies));
    }

    [Fact]
    public void A_split_file_with_copies_on_both_sides_is_refused_unless_that_is_allowed()
    {
        using TemporaryFolder folder = new();
        using LesionDataSet data = WithCopies(lesions: false);
        File.WriteAllLines(folder["split.csv"], ["image_id,subset", .. data.Records.Select((r, i) => $"{r.Id},{(i == 30 ? "val" : "train")}")]);
        Assert.Contains("1 pictures (the first: image0002 = image0030) have images on both sides",
            Assert.Throws<DataSetException>(() => DataSetSplit.Read(folder["split.csv"], data, Assert.Fail)).Message, StringComparison.Ordinal);
        List<string> warnings = [];
        Assert.Equal([30], DataSetSplit.Read(folder["split.csv"], data, warnings.Add, allowLeaks: true).Val);
        Assert.Single(warnings);
    }

    [Fact]
    public void Images_decoded_to_another_size_have_the_same_copies_and_the_same_split()
    {
        using TemporaryFolder folder = new();
        SyntheticLesions.WriteHam10000(folder.Path, perClass: 6, size: 96);
        string Image(int i) => Path.Combine(folder["HAM10000_images_part_1"], $"ISIC_{i:D7}.jpg");
        File.Copy(Image(3), Image(38), overwrite: true);
        using LesionDataSet small = Open(20), large = Open(96);
        Assert.Equal([[3, 38]], large.Copies);
        Assert.Equal(large.Copies, small.Copies);
        Assert.Equal(DataSetSplit.Make(large, SplitKind.Lesion, 1).Fingerprint, DataSetSplit.Make(small, SplitKind.Lesion, 1).Fingerprint);

        LesionDataSet Open(int size) =>
            DataSets.Open(folder.Path, size, skipMissing: false, Assert.Fail, cancellationToken: TestContext.Current.CancellationToken);
    }

    [Fact]
    public void A_split_without_copies_is_what_it_was_before_copies_were_looked_for()
    {
        using LesionDataSet data = SyntheticLesions.DataSet(perClass: 6, size: 32);
        Assert.Empty(data.Copies);
        Assert.StartsWith("2be5147c5b4a3cf4726aba7ca9e9e4a729de8b3b8c51db4b7a", DataSetSplit.Make(data, SplitKind.Lesion, seed: 1).Fingerprint,
            StringComparison.Ordinal);
    }

    /// <summary>Image 1 is image 0 byte by byte, 30 is image 2 compressed anew, 40 is image 3 a little brighter.</summary>
    private static LesionDataSet WithCopies(bool lesions)
    {
        const int count = 42, size = 64;
        byte[][] pictures = [.. Enumerable.Range(0, count).Select(i => SyntheticLesions.Draw(i % 7, i / 7, size))];
        pictures[1] = pictures[0];
        pictures[30] = Compressed(pictures[2], size);
        pictures[40] = [.. pictures[3].Select(p => (byte)Math.Min(255, p + 6))];
        return SyntheticLesions.Of("copies",
            [.. Enumerable.Range(0, count).Select(i => new LesionRecord($"image{i:D4}", i % 7, lesions ? $"lesion{i / 2}" : null, "64"))], pictures, size);
    }

    private static byte[] Compressed(byte[] picture, int size)
    {
        using NetVips.Image image = NetVips.Image.NewFromMemoryCopy(picture, size, size, 3, NetVips.Enums.BandFormat.Uchar);
        return Core.Imaging.LesionImage.Decode(image.JpegsaveBuffer(q: 95), size, new Core.Imaging.ImageLimits());
    }

    [Fact]
    public void Balance_by_stratum_makes_resolution_say_nothing_of_the_class()
    {
        using LesionDataSet data = Records(1400);
        BatchSampler sampler = new(data, [.. Enumerable.Range(0, data.Count)], new() { Balance = "stratum" });
        int[] order = sampler.Epoch(1);
        Assert.Equal(data.Count, order.Length);
        foreach (var stratum in order.GroupBy(i => data.Records[i].Stratum))
        {
            for (int c = 0; c < 7; c++)
            {
                Assert.Equal(sampler.TrainedPrior[c], stratum.Average(i => data.Records[i].Label == c ? 1.0 : 0.0), 0.02);
            }
        }

        Assert.Equal(order, sampler.Epoch(1));
        Assert.NotEqual(order, sampler.Epoch(2));
    }

    /// <summary>Records with two images a lesion, in two resolutions of which the small one is mostly nevi.</summary>
    private static LesionDataSet Records(int count, bool lesions = true) => new(
        "records",
        [.. Enumerable.Range(0, count).Select(i => new LesionRecord(
            $"i{i:D5}", i / 2 % 4 == 0 ? i / 8 % 7 : i / 2 % 8 == 1 ? i / 16 % 7 : 5, lesions ? $"l{i / 2:D5}" : null, i / 2 % 4 == 0 ? "220" : "28"))],
        zeros([count, 1, 1, 3], dtype: ScalarType.Byte));
}
