using Lentigo.Core;
using Lentigo.Training.Data;

namespace Lentigo.Training.Tests.Data;

public sealed class DataSetFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ISIC_2018_is_read_with_its_lesions()
    {
        WriteIsic("Training", 0, 14);
        File.WriteAllLines(_folder["ISIC2018_Task3_Training_LesionGroupings.csv"],
            ["image,lesion_id,diagnosis_confirm_type", .. Enumerable.Range(0, 14).Select(i => $"ISIC_{i:D7},HAM_{i / 2:D7},histopathology")]);
        using LesionDataSet data = Open();
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6], data.Records.Select(r => r.Label));
        Assert.Equal("HAM_0000003", data.Records[7].Lesion);
        Assert.All(data.Records, r => Assert.Null(r.Subset)); // with the training images alone there is no split of its own
        Assert.Equal(["ISIC2018_Task3_Training_GroundTruth.csv", "ISIC2018_Task3_Training_LesionGroupings.csv"],
            DataSetFiles.List(_folder.Path).Tables.Select(Path.GetFileName));
    }

    [Fact]
    public void ISIC_2018_with_validation_and_test_has_its_own_split_and_its_test_images_are_never_trained_on()
    {
        WriteIsic("Training", 0, 28);
        WriteIsic("Validation", 28, 7);
        WriteIsic("Test", 35, 7);
        using LesionDataSet data = Open();
        DataSetSplit official = DataSetSplit.Make(data, SplitKind.Official, 1), image = DataSetSplit.Make(data, SplitKind.Image, 1);
        Assert.Equal((28, 7), (official.Train.Count, official.Val.Count));
        Assert.Equal(35, image.Train.Count + image.Val.Count);
        Assert.DoesNotContain(image.Train.Concat(image.Val), i => data.Records[i].Subset == "test");
    }

    [Theory]
    [InlineData("1.0,1.0,0.0,0.0,0.0,0.0,0.0")]
    [InlineData("0.0,0.0,0.0,0.0,0.0,0.0,0.0")]
    [InlineData("2,0,0,0,0,0,0")]
    [InlineData("x,0,0,0,0,0,0")]
    public void ISIC_2018_needs_exactly_one_class_for_an_image(string classes)
    {
        string csv = WriteIsic("Training", 0, 7);
        File.WriteAllLines(csv, File.ReadAllLines(csv).Select(l => l.StartsWith("ISIC_0000002,", StringComparison.Ordinal) ? "ISIC_0000002," + classes : l));
        string message = Refusal();
        Assert.Contains("line 4: image ISIC_0000002 must have 1 in exactly one of the columns MEL, NV, BCC, AKIEC, BKL, DF, VASC", message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void ISIC_2018_with_a_column_or_a_field_missing_is_refused()
    {
        string csv = WriteIsic("Training", 0, 7);
        string[] lines = File.ReadAllLines(csv);
        File.WriteAllLines(csv, [lines[0].Replace(",VASC", "", StringComparison.Ordinal), .. lines[1..]]);
        Assert.Contains("lacks VASC", Refusal(), StringComparison.Ordinal);
        File.WriteAllLines(csv, [.. lines[..^1], "ISIC_0000006,0.0"]);
        Assert.Contains("line 8: 2 fields, but the first line names 8", Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_for_each_class_is_read_by_code_or_name_in_any_case()
    {
        foreach ((string folder, int label) in new[] { ("MEL", 4), ("nv", 5), ("Basal cell carcinoma", 1), ("vascular_lesion", 6) })
        {
            SyntheticLesions.WriteImage(_folder[Path.Combine(folder, "deeper", "a.jpg")], label, 1, 40);
            SyntheticLesions.WriteImage(_folder[Path.Combine(folder, "b.png")], label, 2, 32);
        }

        using LesionDataSet data = Open();
        Assert.Equal(8, data.Count);
        Assert.Equal(["40", "32"], data.Records.Where(r => r.Id.StartsWith("MEL/", StringComparison.Ordinal)).OrderByDescending(r => r.Stratum)
            .Select(r => r.Stratum));
        Assert.Equal([0, 2, 0, 0, 2, 2, 2], data.ClassCounts(Enumerable.Range(0, 8)));
        Assert.Equal(SplitKind.Image, DataSetSplit.Make(data, SplitKind.Lesion, 1, 2).Kind);
    }

    [Fact]
    public void Class_folders_in_train_and_val_are_the_data_sets_own_split()
    {
        for (int label = 0; label < LesionClasses.Count; label++)
        {
            SyntheticLesions.WriteImage(_folder[Path.Combine("train", LesionClasses.Codes[label], "a.jpg")], label, 1, 32);
            SyntheticLesions.WriteImage(_folder[Path.Combine("val", LesionClasses.Codes[label], "a.jpg")], label, 2, 32);
        }

        using LesionDataSet data = Open();
        DataSetSplit split = DataSetSplit.Make(data, SplitKind.Official, 1);
        Assert.Equal((7, 7), (split.Train.Count, split.Val.Count));
        Assert.All(split.Val, i => Assert.StartsWith("val/", data.Records[i].Id, StringComparison.Ordinal));
    }

    [Fact]
    public void A_folder_of_images_that_is_named_like_no_class_is_refused()
    {
        SyntheticLesions.WriteImage(_folder[Path.Combine("mel", "a.jpg")], 4, 1, 32);
        SyntheticLesions.WriteImage(_folder[Path.Combine("wart", "a.jpg")], 5, 1, 32);
        Assert.Contains("'wart' is not a class", Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Images_without_a_label_are_left_out_with_a_warning()
    {
        SyntheticLesions.WriteHam10000(_folder.Path, perClass: 1, size: 32);
        SyntheticLesions.WriteImage(_folder["stray.jpg"], 1, 1, 32);
        List<string> warnings = [];
        using LesionDataSet data = DataSets.Open(_folder.Path, 32, skipMissing: false, warnings.Add, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(7, data.Count);
        Assert.Contains("1 image files", Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void An_inspection_finds_duplicates_unreadable_missing_and_unlisted_files()
    {
        SyntheticLesions.WriteHam10000(_folder.Path, perClass: 2, size: 40);
        string part = _folder["HAM10000_images_part_1"];
        string Image(int i) => Path.Combine(part, $"ISIC_{i:D7}.jpg");
        File.Copy(Image(0), Image(1), overwrite: true);
        SyntheticLesions.WriteImage(Path.Combine(part, "ISIC_0000002.png"), 2, 5, 40);
        File.Delete(Image(2));
        File.Copy(Path.Combine(part, "ISIC_0000002.png"), Path.Combine(part, "stray.png"));
        File.WriteAllText(Image(3), "not an image");
        File.Delete(Image(4));
        using DataSetInspection found =
            DataSetInspection.Of(_folder.Path, table: null, format: null, 40, cache: null, Assert.Fail, progress: null,
            cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(12, found.Images.Count);
        Assert.Equal("HAM10000", found.Format);
        Assert.Equal(["ISIC_0000004"], found.Missing);
        Assert.Equal(1, found.Unlisted);
        Assert.Equal(Image(3), Assert.Single(found.Unreadable).Path);
        Assert.Equal(["ISIC_0000000", "ISIC_0000001"], Assert.Single(found.SameBytes).Select(i => found.Images.Records[i].Id));
        Assert.Equal(["ISIC_0000000", "ISIC_0000001"], Assert.Single(found.SamePixels).Select(i => found.Images.Records[i].Id));
    }

    [Fact]
    public void An_inspection_tells_the_same_pixels_in_another_file_format()
    {
        SyntheticLesions.WriteImage(_folder[Path.Combine("mel", "a.png")], 4, 1, 32);
        SyntheticLesions.WriteImage(_folder[Path.Combine("nv", "a.tif")], 4, 1, 32);
        using DataSetInspection found =
            DataSetInspection.Of(_folder.Path, table: null, format: null, 32, cache: null, Assert.Fail, progress: null,
            cancellationToken: TestContext.Current.CancellationToken);
        Assert.Empty(found.SameBytes);
        Assert.Equal([0, 1], Assert.Single(found.SamePixels));
    }

    private LesionDataSet Open() => DataSets.Open(_folder.Path, 32, skipMissing: false, Assert.Fail, cancellationToken: TestContext.Current.CancellationToken);

    private string Refusal() => Assert.Throws<DataSetException>(() => Open().Dispose()).Message;

    private string WriteIsic(string subset, int first, int count)
    {
        string[] columns = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"];
        string csv = _folder[Path.Combine($"ISIC2018_Task3_{subset}_GroundTruth", $"ISIC2018_Task3_{subset}_GroundTruth.csv")];
        Directory.CreateDirectory(Path.GetDirectoryName(csv)!);
        List<string> lines = ["image," + string.Join(',', columns)];
        for (int i = first; i < first + count; i++)
        {
            int label = i % LesionClasses.Count;
            SyntheticLesions.WriteImage(_folder[Path.Combine($"ISIC2018_Task3_{subset}_Input", $"ISIC_{i:D7}.jpg")], label, i, 32);
            lines.Add($"ISIC_{i:D7}," + string.Join(',', columns.Select(c => LesionClasses.IndexOf(c) == label ? "1.0" : "0.0")));
        }

        File.WriteAllLines(csv, lines);
        return csv;
    }
}
