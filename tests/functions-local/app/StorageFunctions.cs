using Azure.Storage.Blobs;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.TestApp;

/// <summary>What a blob or a message says decides what its function does: 'fail' throws, 'hold' waits for the test.</summary>
public static class StorageFunctions
{
    [Function("blob")]
    public static async Task BlobAsync([BlobTrigger("drops/{name}")] BlobClient blob, string name, FunctionContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        string content = (await blob.DownloadContentAsync(context.CancellationToken)).Value.Content.ToString();
        await ActAsync($"blob {name}={content}", content, context.CancellationToken);
    }

    [Function("queued")]
    public static Task QueuedAsync([QueueTrigger("work")] string message, FunctionContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return ActAsync($"message {message}, try {context.BindingContext.BindingData["DequeueCount"]}", message, context.CancellationToken);
    }

    [Function("poison")]
    public static void Poison([QueueTrigger("webjobs-blobtrigger-poison")] string message) => Calls.Record($"poison {message.ReplaceLineEndings("")}");

    [Function("tick")]
    public static void Tick([TimerTrigger("* * * * * *")] TimerInfo timer)
    {
        ArgumentNullException.ThrowIfNull(timer);
        Calls.Record($"tick, past due: {timer.IsPastDue}");
    }

    private static async Task ActAsync(string call, string content, CancellationToken cancellationToken)
    {
        Calls.Record(call);
        if (content == "fail")
        {
            throw new InvalidOperationException("on purpose");
        }

        if (content == "hold")
        {
            await Calls.UntilReleasedAsync(cancellationToken);
            Calls.Record(call + " done");
        }
    }
}
