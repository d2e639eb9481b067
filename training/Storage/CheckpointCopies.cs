using System.Globalization;
using Azure;
using Azure.Storage.Blobs.Models;
using Lentigo.Training.Trainers;
using Lentigo.Training.Weights;

namespace Lentigo.Training.Storage;

/// <summary>
/// Copies checkpoints to blob storage, so that losing the machine costs at most one epoch. Blobs are replaced atomically, and the best weights of a member are
/// copied
/// before the checkpoint that refers to them.
/// </summary>
/// <param name="target">The folder of the copies.</param>
/// <param name="folder">The local folder of checkpoints.</param>
/// <param name="log">The local log of epochs, which is copied with them.</param>
/// <param name="say">Receives messages about fetched checkpoints and failed copies.</param>
internal sealed class CheckpointCopies(BlobFolder target, string folder, string log, Action<string> say)
{
    private const string EpochKey = "epoch", ProbeName = ".writable";

    private readonly HashSet<string> _bestCopied = [];

    /// <summary>Creates the container where it does not exist and writes a test blob, so that missing rights are noticed before the first epoch.</summary>
    /// <exception cref="TrainingException">Nothing can be written there.</exception>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        try
        {
            await target.CreateAsync(cancellationToken).ConfigureAwait(false);
            await target.Blob(ProbeName).UploadAsync(BinaryData.FromBytes(ReadOnlyMemory<byte>.Empty), overwrite: true, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (RequestFailedException e)
        {
            throw new TrainingException($"Checkpoints cannot be written to {target.Location}: {e.Message.Split('\n')[0]} Check --checkpoints, and that the SAS "
                + "or identity may read, write and list.", e);
        }
    }

    /// <summary>Whether there is a copy of a member's checkpoint.</summary>
    public async Task<bool> HasAsync(string member, CancellationToken cancellationToken) =>
        await target.Blob(Path.GetFileName(RunFiles.CheckpointPath(folder, member))).ExistsAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>
    /// Fetches the checkpoint of a member if the copy is from a later epoch than the local checkpoint, or the local one is missing or damaged.
    /// </summary>
    public async Task FetchNewestAsync(string member, CancellationToken cancellationToken)
    {
        string checkpoint = RunFiles.CheckpointPath(folder, member), best = RunFiles.BestPath(folder, member), name = Path.GetFileName(checkpoint);
        if (!await HasAsync(member, cancellationToken).ConfigureAwait(false))
        {
            return;
        }

        BlobProperties copy = await target.Blob(name).GetPropertiesAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        int copied = copy.Metadata.TryGetValue(EpochKey, out string? text) && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int epoch)
            ? epoch
            : throw new TrainingException($"The blob {name} in {target.Location} does not say its epoch: it was not written by this trainer. Name another "
                + "--checkpoints, or delete it.");
        if (copied <= LocalEpoch(checkpoint))
        {
            return;
        }

        Directory.CreateDirectory(folder);
        await target.DownloadAsync(Path.GetFileName(best), best, progress: null, cancellationToken).ConfigureAwait(false);
        await target.DownloadAsync(name, checkpoint, progress: null, cancellationToken).ConfigureAwait(false);
        if (!File.Exists(log) && await target.Blob(Path.GetFileName(log)).ExistsAsync(cancellationToken).ConfigureAwait(false))
        {
            await target.DownloadAsync(Path.GetFileName(log), log, progress: null, cancellationToken).ConfigureAwait(false);
        }

        say($"{member}: fetched the checkpoint of epoch {copied} from {target.Location}");
    }

    /// <summary>
    /// Copies the files of an epoch. If that fails, training continues, and the copy is repeated after the next epoch.
    /// </summary>
    /// <param name="member">The member.</param>
    /// <param name="epoch">The finished epoch.</param>
    /// <param name="isBest">Whether its weights are the best so far.</param>
    public async Task CopyAsync(string member, int epoch, bool isBest)
    {
        string checkpoint = RunFiles.CheckpointPath(folder, member), best = RunFiles.BestPath(folder, member);
        try
        {
            if (isBest)
            {
                _bestCopied.Remove(member);
            }

            if (!_bestCopied.Contains(member))
            {
                await target.UploadAsync(best, Path.GetFileName(best), options: null, CancellationToken.None).ConfigureAwait(false);
                _bestCopied.Add(member);
            }

            // The log before the checkpoint: if the machine is lost in between, the log is ahead of the checkpoint, never behind.
            using FileStream lines = new(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite); // the training holds it open for writing
            await target.Blob(Path.GetFileName(log)).UploadAsync(lines, overwrite: true, CancellationToken.None).ConfigureAwait(false);
            BlobUploadOptions options = new() { Metadata = new Dictionary<string, string> { [EpochKey] = epoch.ToString(CultureInfo.InvariantCulture) } };
            await target.UploadAsync(checkpoint, Path.GetFileName(checkpoint), options, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (BlobFolder.IsStorageFailure(e))
        {
            string reason = (e is AggregateException several ? several.InnerExceptions[^1] : e).Message.Split('\n')[0];
            say($"WARNING: the checkpoint of {member}, epoch {epoch}, could not be copied to {target.Location}: {reason} It is on this machine's disk; the "
                + "copy is tried again after the next epoch.");
        }
    }

    private int LocalEpoch(string checkpoint)
    {
        if (!File.Exists(checkpoint))
        {
            return -1;
        }

        try
        {
            return Checkpoint.StateOf(checkpoint).Epoch;
        }
        catch (WeightsFileException e)
        {
            say($"{e.Message} The copy in {target.Location} takes its place.");
            return -1;
        }
    }
}
