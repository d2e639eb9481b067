using Lentigo.Functions.Description;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

// Triggers/ holds the functions, one per file; they use Http/, Serving/ and the project core.
FunctionsApplicationBuilder builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();
builder.Services.AddCompressedAnswers();
builder.UseMiddleware<RequestTelemetry>();
builder.UseMiddleware<SecurityHeaders>();
builder.UseMiddleware<ProblemAnswers>();
builder.UseMiddleware<AcceptedAnswers>();
builder.UseMiddleware<RequestLimits>();
try
{
    builder.Services.AddServing(builder.Configuration);
    builder.Services.AddSingleton<OfflineFiles>();
    builder.Services.AddSingleton<FunctionRoutes>();
    builder.Services.AddSingleton<ApiDescription>();
}
catch (Exception e) when (e is InvalidOperationException or FormatException)
{
    // A setting is invalid: whoever starts the app needs the message, not the stack trace.
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}

await builder.Build().RunAsync();
return 0;
