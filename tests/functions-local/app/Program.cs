using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Hosting;

if (Environment.GetEnvironmentVariable("TestApp__RefuseToStart") is { } reason)
{
    await Console.Error.WriteLineAsync(reason);
    return 1;
}

// As many starts as this says find their port taken.
if (int.TryParse(Environment.GetEnvironmentVariable("TestApp__TakenPorts"), CultureInfo.InvariantCulture, out int takenPorts))
{
    string starts = Path.Combine(Environment.GetEnvironmentVariable("TestApp__Folder")!, "starts");
    await File.AppendAllTextAsync(starts, ".");
    if (new FileInfo(starts).Length <= takenPorts)
    {
        using TcpListener taken = new(IPAddress.Loopback, 0);
        taken.Start();
        await WebApplication.CreateBuilder().Build().RunAsync($"http://{taken.LocalEndpoint}");
    }
}

FunctionsApplicationBuilder builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();
await builder.Build().RunAsync();
return 0;
