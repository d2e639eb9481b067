using System.Text.Json;
using Azure.Storage.Blobs.Models;

namespace Lentigo.Functions.Local.Triggers;

/// <summary>
/// Tells new versions of blobs from those that were seen before, by listings of their container. Times of modification are those of the storage account, so a version
/// that is older than all that a listing showed, less <see cref="Margin"/>, was in that listing.
/// </summary>
internal sealed class Uploads
{
    /// <summary>How long an upload may take to appear in a listing; what is as young as this is remembered by name.</summary>
    public static readonly TimeSpan Margin = TimeSpan.FromSeconds(10);

    private Dictionary<string, Version> seen;

    /// <summary>Nothing was seen so far, or what <see cref="ToJson"/> kept.</summary>
    public Uploads(State? kept = null)
    {
        Through = kept?.Through ?? DateTimeOffset.MinValue;
        seen = kept?.Seen ?? [];
    }

    /// <summary>Every version that is older was seen.</summary>
    public DateTimeOffset Through { get; private set; }

    /// <summary>The blobs of a listing that were not seen in this version.</summary>
    public IReadOnlyList<BlobItem> NewOf(IEnumerable<BlobItem> listing) => [.. listing.Where(IsNew)];

    /// <summary>Whether a blob was not seen in this version.</summary>
    public bool IsNew(BlobItem blob) =>
        blob.Properties.LastModified >= Through && !(seen.TryGetValue(blob.Name, out Version? known) && known.ETag == $"{blob.Properties.ETag}");

    /// <summary>Remembers versions, and forgets those that <see cref="Through"/> covers.</summary>
    /// <param name="blobs">The versions.</param>
    /// <param name="isAll">Whether they are all that a listing showed as new; otherwise <see cref="Through"/> stays, for an older one may be missing.</param>
    public void Remember(IEnumerable<BlobItem> blobs, bool isAll = true)
    {
        foreach (BlobItem blob in blobs)
        {
            seen[blob.Name] = new($"{blob.Properties.ETag}", blob.Properties.LastModified!.Value);
        }

        if (isAll && seen.Count > 0 && seen.Values.Max(v => v.Modified) - Margin is var covered && covered > Through)
        {
            Through = covered;
            seen = seen.Where(v => v.Value.Modified >= Through).ToDictionary();
        }
    }

    /// <summary>Takes over what another launcher on the same account has seen.</summary>
    public void Add(State other)
    {
        foreach ((string name, Version version) in other.Seen)
        {
            if (!seen.TryGetValue(name, out Version? known) || known.Modified <= version.Modified)
            {
                seen[name] = version;
            }
        }

        Through = other.Through > Through ? other.Through : Through;
    }

    /// <summary>What a later start needs.</summary>
    public BinaryData ToJson() => BinaryData.FromObjectAsJson(new State(Through, seen));

    /// <summary>Reads what was kept; null where it cannot be read.</summary>
    public static State? Parse(BinaryData json)
    {
        try
        {
            return json.ToObjectFromJson<State>() is { Seen: not null } state ? state : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>What is kept in storage.</summary>
    /// <param name="Through">Every version that is older was seen.</param>
    /// <param name="Seen">Younger ones that were seen, by name.</param>
    internal sealed record State(DateTimeOffset Through, Dictionary<string, Version> Seen);

    /// <summary>A version of a blob.</summary>
    /// <param name="ETag">Its ETag.</param>
    /// <param name="Modified">When it was uploaded.</param>
    internal sealed record Version(string ETag, DateTimeOffset Modified);
}
