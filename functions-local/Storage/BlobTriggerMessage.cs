using System.Text.Json.Serialization;

namespace Lentigo.Functions.Local.Storage;

/// <summary>The message that the Functions host queues for a new blob, and leaves in the poison queue where it failed too often.</summary>
/// <param name="Type">Always <c>BlobTrigger</c>.</param>
/// <param name="FunctionId">The function that the blob is for.</param>
/// <param name="BlobType">Always <c>BlockBlob</c> here.</param>
/// <param name="ContainerName">The container.</param>
/// <param name="BlobName">The blob's name.</param>
/// <param name="ETag">The blob's version, in quotes.</param>
internal sealed record BlobTriggerMessage(string Type, string FunctionId, string BlobType, string ContainerName, string BlobName, string ETag);

/// <summary>Reads and writes <see cref="BlobTriggerMessage"/>.</summary>
[JsonSerializable(typeof(BlobTriggerMessage))]
internal sealed partial class BlobTriggerJson : JsonSerializerContext;
