using Lentigo.Training.Data;

namespace Lentigo.Training.Tests.Data;

public sealed class DataLocationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("ham", "ham", null, 1)]
    [InlineData("ham@0.5", "ham", null, 0.5)]
    [InlineData("ham=all.csv", "ham", "all.csv", 1)]
    [InlineData("ham/images=all.csv@2", "ham/images", "all.csv", 2)]
    [InlineData("https://account.blob.core.windows.net/data?sig=a@b", "https://account.blob.core.windows.net/data?sig=a@b", null, 1)]
    public void A_location_is_a_path_with_a_table_and_a_weight(string text, string path, string? table, double weight) =>
        Assert.Equal(new(path, table, weight), DataLocation.Parse(text));

    [Fact]
    public void A_folder_whose_name_looks_like_a_weight_is_that_folder()
    {
        string folder = Directory.CreateDirectory(_folder["ham=a@2"]).FullName;
        Assert.Equal(new(folder), DataLocation.Parse(folder));
    }

    [Theory]
    [InlineData("ham@0")]
    [InlineData("ham@-1")]
    [InlineData("ham@often")]
    [InlineData("ham@NaN")]
    [InlineData("ham@101")]
    public void A_weight_that_is_no_number_above_0_is_refused(string text) =>
        Assert.Contains("is not a number above 0 and at most 100. Write it like ham@0.5",
            Assert.Throws<DataSetException>(() => DataLocation.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Any_CSV_with_the_columns_of_HAM10000_labels_the_images_beside_it()
    {
        SyntheticLesions.WriteHam10000(_folder.Path, perClass: 1, size: 32, table: "clinic.csv");
        File.WriteAllText(_folder["notes.csv"], "image,remark\n");
        Assert.Equal(Enumerable.Range(0, 7), DataSetFiles.List(_folder.Path).Images.Select(i => i.Label));
    }

    [Fact]
    public void Images_may_have_their_table_in_another_folder()
    {
        SyntheticLesions.WriteHam10000(_folder["large"], perClass: 1, size: 64, table: "metadata.csv");
        SyntheticLesions.WriteHam10000(_folder["small"], perClass: 1, size: 32);
        File.Delete(_folder[Path.Combine("small", DataSetFiles.Ham10000FileName)]);
        DataSetFiles files = DataSetFiles.List(_folder["small"], _folder[Path.Combine("large", "metadata.csv")]);
        Assert.Equal(7, files.Images.Count);
        Assert.All(files.Images, i => Assert.StartsWith(_folder["small"], i.Path, StringComparison.Ordinal));
        Assert.Contains("There is no table", Assert.Throws<DataSetException>(() => DataSetFiles.List(_folder["small"], _folder["none.csv"])).Message,
            StringComparison.Ordinal);
    }
}
