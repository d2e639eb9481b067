namespace Microsoft.Azure.Functions.Worker;

/// <summary>Marks the parameter that receives the queue message which starts the function.</summary>
/// <param name="queueName">The queue's name.</param>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class QueueTriggerAttribute(string queueName) : Attribute
{
    /// <summary>The queue's name.</summary>
    public string QueueName { get; } = queueName;

    /// <summary>The setting or section that holds the storage account's connection; without one <c>AzureWebJobsStorage</c>.</summary>
    public string? Connection { get; set; }
}
