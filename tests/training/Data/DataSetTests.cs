using System.IO.Compression;
using System.Text;
using Lentigo.Core;
using Lentigo.Core.Imaging;
using Lentigo.Training.Data;

namespace Lentigo.Training.Tests.Data;

public sealed class DataSetTests
{
    [Fact]
    public void A_HAM10000_folder_is_read_with_the_pixels_that_serving_sees()
    {
        using TemporaryFolder folder = new();
        SyntheticLesions.WriteHam10000(folder.Path, perClass: 2, size: 96);
        using LesionDataSet data = DataSets.Open(folder.Path, 64, skipMissing: false, Fail, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(14, data.Count);
        Assert.True(data.IsLabeled);
        Assert.Equal(["96"], data.Strata);
        byte[] file = File.ReadAllBytes(Path.Combine(folder.Path, "HAM10000_images_part_1", data.Records[3].Id + ".jpg"));
        Assert.Equal(LesionImage.Decode(file, 64, new ImageLimits()), data.PixelsOf(3));
    }

    [Fact]
    public void Images_beside_the_CSV_are_found_too()
    {
        using TemporaryFolder folder = new();
        SyntheticLesions.WriteHam10000(folder.Path, perClass: 1, size: 32);
        foreach (string file in Directory.GetFiles(folder["HAM10000_images_part_1"]))
        {
            File.Move(file, folder[Path.GetFileName(file)]);
        }

        using LesionDataSet data = DataSets.Open(folder.Path, 32, skipMissing: false, Fail, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(7, data.Count);
    }

    [Fact]
    public void The_fingerprint_changes_with_a_label_but_not_with_the_order()
    {
        using TemporaryFolder folder = new();
        SyntheticLesions.WriteHam10000(folder.Path, perClass: 2, size: 32);
        string csv = folder[DataSetFiles.Ham10000FileName], original = Fingerprint();
        string[] lines = File.ReadAllLines(csv);
        File.WriteAllLines(csv, [lines[0], .. lines.Skip(1).Reverse()]);
        Assert.Equal(original, Fingerprint());
        File.WriteAllText(csv, File.ReadAllText(csv).Replace("ISIC_0000003,df", "ISIC_0000003,nv", StringComparison.Ordinal));
        Assert.NotEqual(original, Fingerprint());

        string Fingerprint()
        {
            using LesionDataSet data = DataSets.Open(folder.Path, 32, skipMissing: false, Fail, cancellationToken: TestContext.Current.CancellationToken);
            return data.Fingerprint;
        }
    }

    [Fact]
    public void A_missing_metadata_CSV_an_unknown_class_a_missing_image_and_a_broken_one_are_each_named()
    {
        using TemporaryFolder folder = new();
        Assert.Contains("no metadata CSV", Refusal(folder.Path), StringComparison.Ordinal);

        SyntheticLesions.WriteHam10000(folder.Path, perClass: 1, size: 32);
        string csv = folder[DataSetFiles.Ham10000FileName], text = File.ReadAllText(csv);
        File.WriteAllText(csv, text.Replace(",mel,", ",melanoma,", StringComparison.Ordinal));
        Assert.Contains("'melanoma' of image ISIC_0000004", Refusal(folder.Path), StringComparison.Ordinal);

        File.WriteAllText(csv, text);
        string image = Path.Combine(folder.Path, "HAM10000_images_part_1", "ISIC_0000002.jpg");
        byte[] whole = File.ReadAllBytes(image);
        File.Delete(image);
        Assert.Contains("1 of the 7 images", Refusal(folder.Path), StringComparison.Ordinal);
        List<string> warnings = [];
        using (LesionDataSet rest = DataSets.Open(folder.Path, 32, skipMissing: true, warnings.Add, cancellationToken: TestContext.Current.CancellationToken))
        {
            Assert.Equal(6, rest.Count);
            Assert.Contains("ISIC_0000002", Assert.Single(warnings), StringComparison.Ordinal);
        }

        File.WriteAllBytes(image, whole[..(whole.Length / 2)]);
        Assert.Contains("ISIC_0000002.jpg", Refusal(folder.Path), StringComparison.Ordinal);
        Assert.Contains("There is no data set", Refusal(folder["nowhere"]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("train", "val", "test")]
    [InlineData("val")]
    [InlineData("test")]
    public void Any_of_an_npz_files_subsets_may_be_absent(params string[] subsets)
    {
        using TemporaryFolder folder = new();
        WriteNpz(folder["x.npz"], subsets, count: 9, side: 28, labels: "<i8");
        using LesionDataSet data = DataSets.Open(folder["x.npz"], 32, skipMissing: false, Fail, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(9 * subsets.Length, data.Count);
        Assert.Equal(subsets, data.Records.Select(r => r.Subset!).Distinct());
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 0, 1], data.Records.Take(9).Select(r => r.Label));
        Assert.Equal(LesionImage.Resize(SyntheticLesions.Draw(1, 1, 28), 28, 28, 32), data.PixelsOf(1));
    }

    [Fact]
    public void An_npz_without_labels_is_unlabeled_and_a_damaged_one_is_refused()
    {
        using TemporaryFolder folder = new();
        WriteNpz(folder["x.npz"], ["test"], count: 3, side: 32, labels: null);
        using (LesionDataSet data = DataSets.Open(folder["x.npz"], 32, skipMissing: false, Fail, cancellationToken: TestContext.Current.CancellationToken))
        {
            Assert.False(data.IsLabeled);
            Assert.Equal(SyntheticLesions.Draw(2, 2, 32), data.PixelsOf(2));
        }

        byte[] bytes = File.ReadAllBytes(folder["x.npz"]);
        File.WriteAllBytes(folder["cut.npz"], bytes[..(bytes.Length / 2)]);
        Assert.Contains("cut.npz", Refusal(folder["cut.npz"]), StringComparison.Ordinal);
        WriteNpz(folder["range.npz"], ["test"], count: 8, side: 32, labels: "|u1", firstLabel: 7);
        Assert.Contains("label 7", Refusal(folder["range.npz"]), StringComparison.Ordinal);
    }

    private static void Fail(string warning) => Assert.Fail(warning);

    private static string Refusal(string path) =>
        Assert.Throws<DataSetException>(() => DataSets.Open(path, 32, skipMissing: false, Fail, cancellationToken: TestContext.Current.CancellationToken)
            .Dispose()).Message;

    internal static void WriteNpz(string path, string[] subsets, int count, int side, string? labels, int firstLabel = 0)
    {
        using ZipArchive zip = ZipFile.Open(path, ZipArchiveMode.Create);
        foreach (string subset in subsets)
        {
            Write($"{subset}_images.npy", "|u1", $"({count}, {side}, {side}, 3)",
                [.. Enumerable.Range(0, count).SelectMany(i => SyntheticLesions.Draw(i % 7, i, side))]);
            if (labels is not null)
            {
                IEnumerable<int> values = Enumerable.Range(0, count).Select(i => firstLabel + (i % LesionClasses.Count));
                Write($"{subset}_labels.npy", labels, $"({count}, 1)",
                    [.. values.SelectMany(v => labels == "|u1" ? [(byte)v] : BitConverter.GetBytes((long)v))]);
            }
        }

        void Write(string name, string type, string shape, byte[] data)
        {
            using Stream entry = zip.CreateEntry(name).Open();
            string header = $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}";
            header = header.PadRight((((10 + header.Length + 1 + 63) / 64) * 64) - 11) + "\n";
            entry.Write([0x93, .. "NUMPY"u8, 1, 0, .. BitConverter.GetBytes((ushort)header.Length), .. Encoding.ASCII.GetBytes(header), .. data]);
        }
    }
}
