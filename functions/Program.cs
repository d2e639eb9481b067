using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Hosting;

// What runs is in Triggers/, one function a file; what they call is in Http/, Serving/ and the project core.
FunctionsApplicationBuilder builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();
builder.UseMiddleware<SecurityHeaders>();
builder.UseMiddleware<ProblemAnswers>();
builder.Services.AddServing(builder.Configuration);
#if LOCAL_RUNTIME
Lentigo.Functions.Local.LocalStorage.AddTo(builder.Services);
#endif

await builder.Build().RunAsync();
