namespace Microsoft.Azure.Functions.Worker;

/// <summary>Marks the parameter that receives the new or changed blob which starts the function.</summary>
/// <param name="blobPath">Container and name pattern, e.g. <c>lesions/{name}</c>.</param>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class BlobTriggerAttribute(string blobPath) : Attribute
{
    /// <summary>Container and name pattern.</summary>
    public string BlobPath { get; } = blobPath;

    /// <summary>The setting or section that holds the storage account's connection; without one <c>AzureWebJobsStorage</c>.</summary>
    public string? Connection { get; set; }

    /// <summary>How Azure learns of new blobs.</summary>
    public BlobTriggerSource Source { get; set; }
}

/// <summary>How Azure learns of new blobs. The local runtime polls the container whatever the source.</summary>
public enum BlobTriggerSource
{
    /// <summary>By scanning the container and its logs.</summary>
    LogsAndContainerScan = 0,

    /// <summary>By an Event Grid subscription of the storage account.</summary>
    EventGrid = 1,
}
