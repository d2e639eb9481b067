using Lentigo.Core.Imaging;
using Lentigo.Core.Models;
using Lentigo.Training.Data;

namespace Lentigo.Training.Tests.Data;

public sealed class TrainingImagesTests : IDisposable
{
    private const int Size = 64;
    private readonly LesionDataSet _main = SyntheticLesions.DataSet(perClass: 6, size: Size, "main");
    private readonly DataSetSplit _split;
    private readonly List<string> _said = [];

    public TrainingImagesTests() => _split = DataSetSplit.Make(_main, SplitKind.Lesion, seed: 1);

    public void Dispose() => _main.Dispose();

    [Fact]
    public void Another_source_is_trained_on_whole_and_never_validated_on()
    {
        using TrainingImages images = TrainingImages.Of(_main, _split, [Other().Weighed(0.5)], _said.Add);
        Assert.Empty(_said);
        Assert.Equal(_split.Val, images.Split.Val);
        Assert.Equal([.. _split.Train, .. Enumerable.Range(_main.Count, 28)], images.Split.Train);
        Assert.Equal((_split.Fingerprint, _main.Fingerprint), (images.Split.Fingerprint, images.Validated.Fingerprint)); // those that other verbs find again
        Assert.Equal([("main", ModelSource.Validated, 1.0, 0), ("other", ModelSource.Train, 0.5, 0)],
            images.Sources.Select(s => (s.Name, s.Role, s.Weight, s.LeftOut)));
        Assert.Equal(Other().Fingerprint, images.Sources[1].Fingerprint);
        Assert.Equal(Other().PixelsOf(3), images.Data.PixelsOf(_main.Count + 3));
    }

    [Fact]
    public void Lesions_that_are_validated_on_are_not_trained_on_from_another_source_though_the_image_is_another_one()
    {
        LesionRecord seen = _main.Records[_split.Val[0]];
        using LesionDataSet other = Other();
        using TrainingImages images = TrainingImages.Of(_main, _split, [Changed(other, 2, r => r with { Lesion = seen.Lesion })], _said.Add);
        AssertLeftOut(images, "image1002");
        Assert.Contains($"1 lesion ids are in both main and other (the first: {seen.Lesion}): they are taken as the same lesions", _said[0],
            StringComparison.Ordinal);
        Assert.Contains("1 images of other show lesions of the validation images; they are not trained on.", _said[1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_copy_of_a_picture_that_is_validated_on_takes_the_other_images_of_its_lesion_with_it()
    {
        int seen = _split.Val[0];
        using LesionDataSet other = Other();
        byte[] copy = LesionImage.Resize(LesionImage.Resize(_main.PixelsOf(seen), Size, Size, 48), 48, 48, Size);
        using TrainingImages images = TrainingImages.Of(_main, _split, [Changed(other, 0, r => r, copy)], _said.Add);
        string lesion = other.Records[0].Lesion!;
        AssertLeftOut(images, [.. other.Records.Where(r => r.Lesion == lesion).Select(r => r.Id)]);
        Assert.Equal(2, images.Sources[1].LeftOut);
        Assert.Contains($"1 images of other show what an image of main shows (the first: image1000 = {_main.Records[seen].Id}): each such pair counts as one "
            + "lesion", _said[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_copy_of_a_picture_that_is_trained_on_says_when_the_sources_disagree_on_its_class()
    {
        int seen = _split.Train[0];
        using LesionDataSet other = Other();
        int label = (_main.Records[seen].Label + 1) % 7;
        using TrainingImages images = TrainingImages.Of(_main, _split, [Changed(other, label, r => r, _main.PixelsOf(seen))], _said.Add);
        Assert.Contains("1 of the pairs have two classes", Assert.Single(_said), StringComparison.Ordinal);
        AssertLeftOut(images);
    }

    [Fact]
    public void An_image_id_with_other_pixels_in_another_source_is_refused_and_with_the_same_used_once()
    {
        using LesionDataSet other = Other();
        LesionRecord own = _main.Records[_split.Train[0]];
        DataSetException refused = Assert.Throws<DataSetException>(() =>
            TrainingImages.Of(_main, _split, [Changed(other, 0, r => r with { Id = own.Id })], _said.Add));
        Assert.Contains($"1 image ids are in both main and other, but with other pixels (the first: {own.Id})", refused.Message, StringComparison.Ordinal);

        using TrainingImages images =
            TrainingImages.Of(_main, _split, [Changed(other, 0, r => r with { Id = own.Id }, _main.PixelsOf(_split.Train[0]))], _said.Add);
        Assert.Single(images.Split.Train, i => images.Data.Records[i].Id == own.Id);
        Assert.Equal("1 images of other are in main too, pixel by pixel; they are used once.", _said[0]);
    }

    [Fact]
    public void A_source_without_lesion_ids_is_said()
    {
        using LesionDataSet other = Other();
        using LesionDataSet without =
            SyntheticLesions.Of("other", [.. other.Records.Select(r => r with { Lesion = null })],
            [.. Enumerable.Range(0, other.Count).Select(other.PixelsOf)], Size);
        using TrainingImages images = TrainingImages.Of(_main, _split, [without], _said.Add);
        Assert.Contains("other has no lesion ids: each of them counts as a lesion of its own", Assert.Single(_said), StringComparison.Ordinal);
    }

    [Fact]
    public void A_first_training_sees_small_copies_of_the_training_images_and_none_of_the_validation_images()
    {
        using LesionDataSet small = SyntheticLesions.Of(
            "small", _main.Records, [.. Enumerable.Range(0, _main.Count)
                .Select(i => LesionImage.Resize(LesionImage.Resize(_main.PixelsOf(i), Size, Size, 40), 40, 40, Size))], Size);
        using TrainingImages images = TrainingImages.ForPretraining(_main, _split, [small, Other()], _said.Add);
        Assert.Equal(_split.Val, images.Split.Val);
        string[] validated = [.. _split.Val.Select(i => _main.Records[i].Id)];
        string[] trained = [.. images.Split.Train.Select(i => images.Data.Records[i].Id)];
        Assert.Equal(_split.Train.Count + 28, trained.Length);
        Assert.Empty(trained.Intersect(validated));
        Assert.All(images.Split.Train, i => Assert.True(i >= _main.Count)); // none of the full resolution
        Assert.Equal([(ModelSource.Pretraining, _split.Val.Count), (ModelSource.Pretraining, 0)], images.Sources.Select(s => (s.Role, s.LeftOut)));
    }

    [Fact]
    public void A_first_training_on_fewer_classes_is_refused()
    {
        using LesionDataSet other = Other();
        int[] kept = [.. Enumerable.Range(0, other.Count).Where(i => other.Records[i].Label is not (3 or 6))];
        using LesionDataSet fewer = SyntheticLesions.Of("fewer", [.. kept.Select(i => other.Records[i])], [.. kept.Select(other.PixelsOf)], Size);
        DataSetException refused = Assert.Throws<DataSetException>(() => TrainingImages.ForPretraining(_main, _split, [fewer], _said.Add));
        Assert.Contains("The first training has other classes than the second: fewer holds no image of df, vasc", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sources_that_are_validated_on_are_joined_and_a_lesion_of_both_stands_on_one_side()
    {
        LesionDataSet other = Other();
        LesionDataSet joined = TrainingImages.Join([SyntheticLesions.DataSet(6, Size, "main"), Changed(other, 0, r => r with { Lesion = "lesion0_0" })],
            _said.Add);
        using (joined)
        {
            Assert.Equal(("main + other", 42 + 28), (joined.Name, joined.Count));
            Assert.Equal(["main", "other"], joined.JoinedFrom!.Select(s => s.Name));
            Assert.Equal(joined.Records[0].Lesion, joined.Records[42].Lesion);
            for (int fold = 0; fold < 3; fold++)
            {
                DataSetSplit split = DataSetSplit.Make(joined, SplitKind.Lesion, seed: 1, folds: 3, fold);
                Assert.Empty(split.Train.Select(i => joined.Records[i].Lesion).Intersect(split.Val.Select(i => joined.Records[i].Lesion)));
            }
        }
    }

    private static LesionDataSet Other() => SyntheticLesions.DataSet(perClass: 4, size: Size, "other", first: 1000);

    /// <summary>The data set with another record, and other pixels where they are given, at one place.</summary>
    private static LesionDataSet Changed(LesionDataSet data, int at, Func<LesionRecord, LesionRecord> change, byte[]? pixels = null) => SyntheticLesions.Of(
        data.Name, [.. data.Records.Select((r, i) => i == at ? change(r) : r)],
            [.. Enumerable.Range(0, data.Count).Select(i => i == at && pixels is not null ? pixels : data.PixelsOf(i))], Size);

    private static void AssertLeftOut(TrainingImages images, params string[] ids)
    {
        string[] trained = [.. images.Split.Train.Select(i => images.Data.Records[i].Id)];
        using LesionDataSet other = Other();
        Assert.Equal(ids, other.Records.Select(r => r.Id).Except(trained));
    }
}
