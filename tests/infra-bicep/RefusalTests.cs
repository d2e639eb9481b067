namespace Lentigo.InfraBicep.Tests;

/// <summary>What cannot work is refused with a sentence, before anything is created.</summary>
public sealed class RefusalTests(BicepCli bicep)
{
    public static TheoryData<string, string, string, string> Mistakes => new()
    {
        { "dev", "readEnvironmentVariable('LENTIGO_NAME', 'lentigo')", "'dermatology'", "10" },
        { "dev", "readEnvironmentVariable('LENTIGO_NAME', 'lentigo')", "'ab'", "3" },
        { "dev", "readEnvironmentVariable('LENTIGO_NAME', 'lentigo')", "'Lentigo'", "lower-case letters and digits only" },
        { "dev", "readEnvironmentVariable('LENTIGO_NAME', 'lentigo')", "'len-tigo'", "lower-case letters and digits only" },
        { "prod", "readEnvironmentVariable('LENTIGO_LOCATION', 'swedencentral')", "'northeurope'", "The region northeurope has no serverless T4" },
        { "prod", "compute: 't4'", "compute: 'a100'\n  // westeurope has no A100", "" },
        { "prod", "readEnvironmentVariable('LENTIGO_ALERT_EMAIL', '')", "''", "The environment prod needs an address for alerts" },
        { "prod", "'10.41.0.0/24'", "''", "Private networking and the training machine need network.addressSpace" },
        { "prod", "'10.41.0.0/24'", "'10.41.0.0/28'", "10.41.0.0/28 is too small" },
        { "dev", "'10.40.0.0/24'", "''", "need network.addressSpace" },
        { "dev", "readEnvironmentVariable('LENTIGO_SSH_PUBLIC_KEY', '')", "''", "A Linux machine needs training.sshPublicKey" },
        { "dev", "minReplicas: 0", "minReplicas: 9", "serving.minReplicas (9) is above serving.maxReplicas (3)" },
        { "prod", "bool(readEnvironmentVariable('LENTIGO_CONNECT_EVENTS', 'false'))", "true", "connectEvents needs an app and Event Grid" },
        { "prod", "uploads: 'scan'", "uploads: 'webhook'", "Event Grid cannot call an app in a private network" },
        { "dev", "zoneRedundant: false", "zoneRedundant: true", "serving.zoneRedundant needs network.private" },
        { "prod", "readEnvironmentVariable('LENTIGO_LOCATION', 'swedencentral')", "'northcentralus'", "The region northcentralus has no availability zones" },
        { "prod", "gateway: 'none'", "gateway: 'public'", "set network.private and serving.domain" },
        { "prod", "gateway: 'none'", "gateway: 'none'\n  existing: {\n    networkId: 'x'\n    appsSubnetId: 'x'\n    endpointsSubnetId: 'x'\n    trainingSubnetId: ''\n    gatewaySubnetId: ''\n  }", "need network.existing.trainingSubnetId" },
        { "dev", "machines: 1", "machines: 9", "8" },
        { "dev", "lesionRetentionDays: 7", "lesionRetentionDays: 0", "1" },
        { "dev", "compute: 'cpu'", "compute: 'v100'", "'a100' | 'cpu' | 't4'" },
        { "dev", "'Standard_NC4as_T4_v3'", "'Standard_B1s'", "Standard_NC24ads_A100_v4" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task A_mistake_is_refused_with_a_sentence(string environment, string text, string becomes, string sentence)
    {
        using InfraCopy copy = new();
        string parameters = $"environments/{environment}.bicepparam";
        copy.WithUploads("prod", "scan").Change(parameters, text, becomes).With(environment);
        if (sentence.Length == 0)
        {
            copy.Change(parameters, "'swedencentral'", "'westeurope'");
            sentence = "The region westeurope has no serverless A100";
        }

        BicepException refusal = await Assert.ThrowsAsync<BicepException>(() => copy.SnapshotAsync(bicep, environment));
        string said = refusal.Message;
        if (!said.Contains(sentence, StringComparison.Ordinal))
        {
            said = string.Join(' ', await bicep.DiagnosticsAsync(copy[parameters])); // what the compiler finds, the snapshot does not repeat
        }

        Assert.Contains(sentence, said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_mistakes_are_told_at_once()
    {
        using InfraCopy copy = new();
        copy.Change("environments/prod.bicepparam", "'10.41.0.0/24'", "''").With("prod", ("LENTIGO_ALERT_EMAIL", ""), ("LENTIGO_SSH_PUBLIC_KEY", ""));
        BicepException refusal = await Assert.ThrowsAsync<BicepException>(() => copy.SnapshotAsync(bicep, "prod"));
        Assert.Contains("needs an address for alerts", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("network.addressSpace", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("training.sshPublicKey", refusal.Message, StringComparison.Ordinal);
    }
}
