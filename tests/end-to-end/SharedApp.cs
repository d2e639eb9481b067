using Lentigo.Functions.Local.Setup;

[assembly: AssemblyFixture(typeof(Lentigo.EndToEnd.Tests.SharedApp))]

namespace Lentigo.EndToEnd.Tests;

/// <summary>One app, started as the README says, for all tests that leave it as it is.</summary>
public sealed class SharedApp : IAsyncLifetime
{
    private RunningApp? app;

    internal RunningApp App => app ?? throw new InvalidOperationException("The app is not started.");

    /// <summary>Azurite is installed before: how long a download takes says nothing of how soon the app answers.</summary>
    public async ValueTask InitializeAsync()
    {
        await Azurite.InstallAsync(Repository.Root, Console.WriteLine, TestContext.Current.CancellationToken);
        app = await RunningApp.StartAsReadmeSaysAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (app is not null)
        {
            await app.DisposeAsync();
        }
    }
}
