using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Lentigo.Functions.Local.Tests;

/// <summary>An app of test functions on the local runtime, in a folder of its own.</summary>
internal sealed class LocalApp : IAsyncDisposable
{
    private readonly string folder;
    private readonly IHost host;

    private LocalApp(string folder, IHost host)
    {
        this.folder = folder;
        this.host = host;
        Client = new() { BaseAddress = new(((WebApplication)host).Urls.First()) };
    }

    public HttpClient Client { get; }

    public static async Task<LocalApp> StartAsync(
        string storage, Type[] functions, object? hostJson = null, Dictionary<string, string>? settings = null, Calls? calls = null, Action<FunctionsApplicationBuilder>? configure = null)
    {
        string folder = WriteFolder(storage, hostJson, settings);
        FunctionsApplicationBuilder builder = new(["--urls", "http://127.0.0.1:0"], functions, folder);
        builder.ConfigureFunctionsWebApplication();
        builder.Services.AddSingleton(calls ?? new());
        configure?.Invoke(builder);
        IHost host = builder.Build();
        await host.StartAsync(TestContext.Current.CancellationToken);
        return new(folder, host);
    }

    public static string WriteFolder(string storage, object? hostJson, Dictionary<string, string>? settings)
    {
        string folder = Directory.CreateTempSubdirectory("lentigo-app-").FullName;
        Dictionary<string, string> values = new(settings ?? []) { ["AzureWebJobsStorage"] = storage, ["Logging__LogLevel__Default"] = "None" };
        values.TryAdd("AzureFunctionsWebHost__hostId", $"test-{Guid.NewGuid():N}"[..20]);
        File.WriteAllText(Path.Combine(folder, "host.json"), JsonSerializer.Serialize(hostJson ?? new { version = "2.0" }));
        File.WriteAllText(Path.Combine(folder, "local.settings.json"), JsonSerializer.Serialize(new { IsEncrypted = false, Values = values }));
        return folder;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await host.StopAsync(CancellationToken.None);
        host.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}

/// <summary>What test functions were called with.</summary>
internal sealed class Calls
{
    private readonly ConcurrentQueue<string> made = new();

    /// <summary>Makes a call fail, or wait.</summary>
    public Func<string, CancellationToken, Task> Behave { get; set; } = (_, _) => Task.CompletedTask;

    public string[] Made => [.. made];

    public async Task MakeAsync(string call, CancellationToken cancellationToken)
    {
        made.Enqueue(call);
        await Behave(call, cancellationToken);
    }

    public Task UntilAsync(int count) => Eventually.TrueAsync(() => made.Count >= count, () => $"{count} calls; there were: {string.Join(", ", made)}");
}

internal static class Eventually
{
    /// <summary>Waits until a condition holds, a minute at most: the machine may be busy.</summary>
    public static Task TrueAsync(Func<bool> condition, Func<string> what) => TrueAsync(() => Task.FromResult(condition()), what);

    public static async Task TrueAsync(Func<Task<bool>> condition, Func<string> what)
    {
        for (DateTime end = DateTime.UtcNow.AddMinutes(1); !await condition();)
        {
            Assert.True(DateTime.UtcNow < end, $"Waited in vain for {what()}");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }
}
