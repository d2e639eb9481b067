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
    [InlineData("image_id,subset\ni00000,train\ni99999,val", "names 1 images that records has not")]
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
        Assert.Contains(reason, Assert.Throws<DataSetException>(() => DataSetSplit.Read(folder["split.csv"], data, _ => { })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_split_file_says_what_it_leaves_out_and_which_lesions_it_tears()
    {
        using TemporaryFolder folder = new();
        using LesionDataSet data = Records(8);
        File.WriteAllText(folder["split.csv"], "image_id,subset\ni00000,train\ni00001,val\ni00002,train\ni00003,train\ni00004,test\n");
        List<string> warnings = [];
        DataSetSplit split = DataSetSplit.Read(folder["split.csv"], data, warnings.Add);
        Assert.Equal([0, 2, 3], split.Train);
        Assert.Equal([1], split.Val);
        Assert.Contains("3 images", warnings[0], StringComparison.Ordinal);
        Assert.Contains("1 lesions have images on both sides", warnings[1], StringComparison.Ordinal);
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
