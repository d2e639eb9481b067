using Lentigo.Functions.Serving;

namespace Lentigo.Functions.Tests;

public class ResultNameTests
{
    [Theory]
    [InlineData("a.jpg")]
    [InlineData("ward 3/ünï/~x.jpg")]
    [InlineData("a~0123456789abcdef0123456789abcde")]
    public void A_results_name_is_the_images_with_a_suffix(string name) => Assert.Equal(name + ".json", ResultName.Of(name, LesionBlobs.ResultSuffix));

    [Theory]
    [InlineData(1018)]
    [InlineData(1019)]
    [InlineData(1020)]
    [InlineData(1024)]
    public void No_name_is_longer_than_storage_takes_and_long_ones_differ(int length)
    {
        string a = new('a', length), b = a[..^1] + "b";
        string first = ResultName.Of(a, LesionBlobs.ResultSuffix), second = ResultName.Of(b, LesionBlobs.ResultSuffix);
        Assert.InRange(first.Length, 1, 1024);
        Assert.NotEqual(first, second);
        Assert.Equal(first, ResultName.Of(a, LesionBlobs.ResultSuffix));
        Assert.Equal(length > 1019, ResultName.IsShortened(first[..^5]));
    }

    [Fact]
    public void No_image_can_be_named_so_that_its_result_is_anothers()
    {
        string longName = new('a', 1024), shortened = ResultName.Of(longName, LesionBlobs.ResultSuffix)[..^5];
        Assert.NotEqual(ResultName.Of(longName, LesionBlobs.ResultSuffix), ResultName.Of(shortened, LesionBlobs.ResultSuffix));
    }

    [Fact]
    public void A_surrogate_pair_is_not_cut_in_half()
    {
        string name = ResultName.Of(string.Concat(Enumerable.Repeat("a😀", 400))[..1024], LesionBlobs.ResultSuffix);
        Assert.DoesNotContain('\uFFFD', System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(name)));
    }
}
