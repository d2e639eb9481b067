using Lentigo.Functions.Local.Setup;

namespace Lentigo.Functions.Local.Tests;

public sealed class AzuriteTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("lentigo-azurite-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void A_port_is_given_once()
    {
        int[] ports = [.. Enumerable.Range(0, 200).AsParallel().Select(_ => Azurite.FreePort())];
        Assert.Equal(ports.Length, ports.Distinct().Count());
    }

    [Fact]
    public async Task An_installation_under_way_or_cut_off_is_not_taken_for_a_whole_one()
    {
        string script = Path.Combine(_root, "node_modules", "azurite", "dist", "src", "azurite.js");
        Directory.CreateDirectory(Path.GetDirectoryName(script)!);
        await File.WriteAllTextAsync(script, "", TestContext.Current.CancellationToken);

        // npm is asked to install again, and cannot without a package.json.
        LaunchException e = await Assert.ThrowsAsync<LaunchException>(() => Azurite.InstallAsync(_root, _ => { }, TestContext.Current.CancellationToken));
        Assert.Contains("'npm ci'", e.Message, StringComparison.Ordinal);

        await File.WriteAllTextAsync(Path.Combine(_root, "node_modules", ".package-lock.json"), "{}", TestContext.Current.CancellationToken);
        Assert.Equal(script, await Azurite.InstallAsync(_root, _ => { }, TestContext.Current.CancellationToken));
    }
}
