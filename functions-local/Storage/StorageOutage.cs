using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local.Storage;

/// <summary>Waits out a storage account that does not answer, with one line in the log when it begins and one when it is over.</summary>
internal sealed class StorageOutage(ILogger log, string what)
{
    private TimeSpan pause = TimeSpan.FromSeconds(1);
    private bool isOut;

    /// <summary>Waits a while, longer each time.</summary>
    public async Task WaitAsync(Exception failure, CancellationToken stop)
    {
        if (!isOut && !stop.IsCancellationRequested)
        {
            isOut = true;
            log.LogWarning("Storage does not answer for {What}, will keep trying: {Reason}", what, failure.Message.Split('\n')[0].Trim());
        }

        await Task.Delay(pause, stop).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        pause = TimeSpan.FromSeconds(Math.Min(30, pause.TotalSeconds * 2));
    }

    /// <summary>Storage answered.</summary>
    public void Over()
    {
        if (isOut)
        {
            isOut = false;
            pause = TimeSpan.FromSeconds(1);
            log.LogInformation("Storage answers again for {What}.", what);
        }
    }
}
