using System.Text.Json;
using Azure.Storage.Blobs.Models;

namespace Lentigo.Functions.Local.Triggers;

/// <summary>
/// Detects new versions of blobs from listings of their container. Modification times come from the storage account's clock. Therefore every version older than
/// the newest one in a listing minus <see cref="Margin"/> was in that listing.
/// </summary>
internal sealed class Uploads
{
    /// <summary>The maximum time that an upload may take to appear in a listing. More recent versions are recorded by name.</summary>
    public static readonly TimeSpan Margin = TimeSpan.FromSeconds(10);

    private Dictionary<string, Version> seen;

    /// <summary>Starts with no seen versions, or with the state that <see cref="ToJson"/> saved.</summary>
    public Uploads(State? kept = null)
    {
        Through = kept?.Through ?? DateTimeOffset.MinValue;
        seen = kept?.Seen ?? [];
    }

    /// <summary>Every version older than this has been seen.</summary>
    public DateTimeOffset Through { get; private set; }

    /// <summary>Returns the blobs of a listing whose version has not been seen.</summary>
    public IReadOnlyList<BlobItem> NewOf(IEnumerable<BlobItem> listing) => [.. listing.Where(IsNew)];

    /// <summary>Whether this version of a blob has not been seen.</summary>
    public bool IsNew(BlobItem blob) =>
        blob.Properties.LastModified >= Through && !(seen.TryGetValue(blob.Name, out Version? known) && known.ETag == $"{blob.Properties.ETag}");

    /// <summary>Records versions as seen, and drops those that <see cref="Through"/> covers.</summary>
    /// <param name="blobs">The versions.</param>
    /// <param name="isAll">
    /// Whether these are all the new versions of a listing; otherwise <see cref="Through"/> is not advanced, because an older version may be missing.
    /// </param>
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

    /// <summary>Merges the versions that another launcher on the same account has seen.</summary>
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

    /// <summary>Serializes the state for the next start.</summary>
    public BinaryData ToJson() => BinaryData.FromObjectAsJson(new State(Through, seen));

    /// <summary>Parses a saved state; returns null if it is malformed.</summary>
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

    /// <summary>The state that is saved in storage.</summary>
    /// <param name="Through">Every version older than this has been seen.</param>
    /// <param name="Seen">The more recent versions that have been seen, by blob name.</param>
    internal sealed record State(DateTimeOffset Through, Dictionary<string, Version> Seen);

    /// <summary>A version of a blob.</summary>
    /// <param name="ETag">The ETag of the version.</param>
    /// <param name="Modified">When it was uploaded.</param>
    internal sealed record Version(string ETag, DateTimeOffset Modified);
}
