using Lentigo.Functions.Local.Storage;

namespace Lentigo.Functions.Local.Tests;

public class BlobPathPatternTests
{
    [Theory]
    [InlineData("lesions/{name}", "a.jpg", "name=a.jpg")]
    [InlineData("lesions/{name}", "clinic 1/ä/b.jpg", "name=clinic 1/ä/b.jpg")]
    [InlineData("lesions/{name}.{ext}", "a.b.jpg", "name=a.b,ext=jpg")]
    [InlineData("lesions/in-{name}", "in-x", "name=x")]
    [InlineData("lesions/{{a}}{name}", "{a}x", "name=x")]
    [InlineData("lesions/a+b", "a+b", "")]
    [InlineData("lesions", "anything", "")]
    public void Parameters_are_the_parts_of_the_name(string path, string blob, string expected) =>
        Assert.Equal(expected, string.Join(",", BlobPathPattern.Parse(path).Match(blob)!.Select(p => $"{p.Key}={p.Value}")));

    [Theory]
    [InlineData("lesions/in-{name}", "out-x")]
    [InlineData("lesions/{name}.jpg", "a.png")]
    [InlineData("lesions/{name}.jpg", "a.jpg\n")]
    [InlineData("lesions/a+b", "aab")]
    public void Other_names_do_not_match(string path, string blob) => Assert.Null(BlobPathPattern.Parse(path).Match(blob));

    [Theory]
    [InlineData("lesions/in/{name}", "in/")]
    [InlineData("lesions/{name}/x", "")]
    public void Only_what_begins_alike_is_listed(string path, string prefix) => Assert.Equal(prefix, BlobPathPattern.Parse(path).Prefix);

    [Theory]
    [InlineData("")]
    [InlineData("/x")]
    [InlineData("{container}/x")]
    [InlineData("UPPER/{name}")]
    [InlineData("lesions/{name")]
    [InlineData("lesions/name}")]
    [InlineData("lesions/{}")]
    [InlineData("lesions/{a}{a}")]
    public void A_path_that_is_none_is_named_in_the_error(string path) =>
        Assert.Contains($"'{path}'", Assert.Throws<FormatException>(() => BlobPathPattern.Parse(path)).Message, StringComparison.Ordinal);
}
