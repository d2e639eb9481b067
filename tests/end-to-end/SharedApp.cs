[assembly: AssemblyFixture(typeof(Lentigo.EndToEnd.Tests.SharedApp))]

namespace Lentigo.EndToEnd.Tests;

/// <summary>One app, started as the README says, for all tests that leave it as it is.</summary>
public sealed class SharedApp : IAsyncLifetime
{
    private RunningApp? app;

    internal RunningApp App => app ?? throw new InvalidOperationException("The app is not started.");

    public async ValueTask InitializeAsync() => app = await RunningApp.StartAsReadmeSaysAsync();

    public async ValueTask DisposeAsync()
    {
        if (app is not null)
        {
            await app.DisposeAsync();
        }
    }
}
