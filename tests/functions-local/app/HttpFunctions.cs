using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.TestApp;

/// <summary>One HTTP function for each thing that the launcher must carry.</summary>
public static class HttpFunctions
{
    [Function("people")]
    public static IResult Person([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "people/{name}/{age:int}")] HttpRequest request, string name, int age) =>
        Results.Text($"{name} is {age}");

    [Function("root")]
    public static IResult Root([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "{empty:maxlength(0)?}")] HttpRequest request) => Results.Text("root");

    [Function("plain")]
    public static string Plain([HttpTrigger(AuthorizationLevel.Anonymous, "get")] HttpRequest request) => "not a result";

    [Function("broken")]
    public static IResult Broken([HttpTrigger(AuthorizationLevel.Anonymous, "get")] HttpRequest request) => throw new InvalidOperationException("a secret");

    [Function("secret")]
    public static IResult Secret([HttpTrigger(AuthorizationLevel.Function, "get")] HttpRequest request) => Results.Ok();

    [Function("admin")]
    public static IResult Admin([HttpTrigger(AuthorizationLevel.Admin, "get")] HttpRequest request) => Results.Ok();

    [Function("setting")]
    public static IResult Setting([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "setting/{name}")] HttpRequest request, string name) =>
        Results.Text(Environment.GetEnvironmentVariable(name) ?? "none");

    [Function("echo")]
    public static async Task<IResult> EchoAsync([HttpTrigger(AuthorizationLevel.Anonymous, "post")] HttpRequest request)
    {
        Calls.Record("echo");
        long length = 0;
        byte[] buffer = new byte[64 * 1024];
        while (await request.Body.ReadAsync(buffer) is var read and > 0)
        {
            length += read;
        }

        return Results.Text($"{length} bytes to {request.Host}{request.QueryString} as {request.ContentType}");
    }

    [Function("held")]
    public static async Task<IResult> HeldAsync([HttpTrigger(AuthorizationLevel.Anonymous, "get")] HttpRequest request, FunctionContext context)
    {
        Calls.Record("held");
        try
        {
            await Calls.UntilReleasedAsync(context.CancellationToken);
            return Results.Text("released");
        }
        catch (OperationCanceledException)
        {
            Calls.Record("cancelled");
            throw;
        }
    }
}
