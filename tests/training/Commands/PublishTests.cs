namespace Lentigo.Training.Tests.Commands;

/// <summary>What <c>publish</c> says where there is nothing to publish to.</summary>
public sealed class PublishTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_name_with_a_slash_and_no_connection_is_said_to_be_a_folder()
    {
        string to = _folder["models/production"];
        var published = await LentigoConsole.RunAsync("publish", "--model", Model(), "--to", to);
        Assert.True(published.ExitCode == 0, published.Error);
        Assert.StartsWith($"Writing to the folder {to}:", published.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(to, "lentigo-fast", "current.json")));
    }

    internal static string Model([System.Runtime.CompilerServices.CallerFilePath] string path = "") => Path.GetFullPath(Path.Combine(path, "..", "..", "..", "..", "models", "lentigo-fast"));
}
