using System.Text.Json.Nodes;

namespace Lentigo.InfraBicep.Tests;

/// <summary>Each promise holds in both environments, and its check notices when the templates break it.</summary>
public sealed class PromiseTests(BicepCli bicep)
{
    private static readonly Dictionary<string, Snapshot> Deployed = [];

    public static TheoryData<string, string> PromisesOfEnvironments =>
        new(Promises.All.Keys.SelectMany(p => Repository.Environments.Select(e => (p, e))));

    /// <summary>Promise, environment, file, text, what it becomes.</summary>
    public static TheoryData<string, string, string, string, string> Faults => new()
    {
        { "no shared keys", "dev", "modules/storage.bicep", "allowSharedKeyAccess: false", "allowSharedKeyAccess: true" },
        { "no shared keys", "dev", "modules/registry.bicep", "adminUserEnabled: false", "adminUserEnabled: true" },
        { "no shared keys", "dev", "modules/monitoring.bicep", "DisableLocalAuth: true", "DisableLocalAuth: false" },
        { "no shared keys", "dev", "modules/functions-app.bicep", "{ name: 'AZURE_CLIENT_ID', value: identityClientId }", "{ name: 'Connection', value: 'AccountKey=AAAA' }" },
        { "no public address but the NAT gateway's", "dev", "modules/network.bicep", "      {\n        id: natAddress.id\n      }", "" },
        { "no public address but the NAT gateway's", "dev", "modules/training.bicep", "privateIPAllocationMethod: 'Dynamic'", "privateIPAllocationMethod: 'Dynamic'\n          publicIPAddress: {\n            id: subnetId\n          }" },
        { "no public address but the NAT gateway's", "prod", "modules/network.bicep", "defaultOutboundAccess: false", "defaultOutboundAccess: true" },
        { "least privilege", "dev", "modules/roles.bicep", "acrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d'", "acrPull: 'b24988ac-6180-42a0-ab88-20f7382dd24c'" },
        { "least privilege", "dev", "modules/roles.bicep", "'Microsoft.Compute/virtualMachines/deallocate/action'", "'Microsoft.Compute/virtualMachines/*'" },
        { "least privilege", "dev", "modules/roles.bicep", "  scope: machine\n  name: guid(machine.id, trainingIdentity.id", "  name: guid(machine.id, trainingIdentity.id" },
        { "least privilege", "dev", "modules/roles.bicep", "trainingIdentity.id, roles.blobDataReader)\n  properties: {\n    principalId: trainingIdentity.properties.principalId\n    principalType: 'ServicePrincipal'\n    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataReader)", "trainingIdentity.id, roles.blobDataReader)\n  properties: {\n    principalId: trainingIdentity.properties.principalId\n    principalType: 'ServicePrincipal'\n    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataOwner)" },
        { "encrypted in transit", "dev", "modules/storage.bicep", "minimumTlsVersion: 'TLS1_2'", "minimumTlsVersion: 'TLS1_0'" },
        { "encrypted in transit", "dev", "modules/storage.bicep", "supportsHttpsTrafficOnly: true", "supportsHttpsTrafficOnly: false" },
        { "encrypted in transit", "dev", "modules/functions-app.bicep", "allowInsecure: false", "allowInsecure: true" },
        { "encrypted in transit", "dev", "modules/event-subscription.bicep", "'1.2'", "'1.0'" },
        { "no anonymous access", "dev", "modules/storage.bicep", "allowBlobPublicAccess: false", "allowBlobPublicAccess: true" },
        { "no anonymous access", "dev", "modules/storage.bicep", "publicAccess: 'None'", "publicAccess: 'Blob'" },
        { "diagnostics of everything", "dev", "modules/storage.bicep", "= {\n  scope: account::queues", "= if (location == 'nowhere') {\n  scope: account::queues" },
        { "diagnostics of everything", "dev", "modules/registry.bicep", "enabled: true", "enabled: false" },
        { "tags everywhere", "dev", "modules/training.bicep", "  name: 'nic-train-${suffix}'\n  location: location\n  tags: tags", "  name: 'nic-train-${suffix}'\n  location: location" },
        { "tags everywhere", "prod", "modules/private-endpoint.bicep", "tags: tags", "tags: location == 'nowhere' ? tags : {}" },
        { "no secret in what is deployed", "dev", "types.bicep", "@sealed()\n@secure()\n", "@sealed()\n" },
        { "images are deleted in time and can be restored until then", "dev", "modules/storage.bicep", "'lesions/'", "'lesion/'" },
        { "images are deleted in time and can be restored until then", "dev", "modules/storage.bicep", "                  version: {\n                    delete: {\n                      daysAfterCreationGreaterThan: options.lesionRetentionDays\n                    }\n                  }\n", "" },
        { "images are deleted in time and can be restored until then", "dev", "modules/storage.bicep", "isVersioningEnabled: true", "isVersioningEnabled: false" },
        { "every upload reaches exactly one function", "dev", "modules/functions-app.bicep", "string(!private)", "string(private)" },
        { "every upload reaches exactly one function", "dev", "modules/functions-app.bicep", "'AzureWebJobs_classify-lesion_Disabled', value: string(private)", "'AzureWebJobs_classify-lesion_Disabled', value: 'True'" },
        { "every upload reaches exactly one function", "dev", "main.bicep", "Host.Functions.classify-lesion&", "classify-lesion&" },
        { "every upload reaches exactly one function", "dev", "modules/event-subscription.bicep", "containers/lesions/blobs/", "containers/" },
        { "every upload reaches exactly one function", "prod", "modules/functions-app.bicep", "private ? max(options.minReplicas, 1) : options.minReplicas", "0" },
        { "the app is a function app with probes and identity", "dev", "modules/functions-app.bicep", "  kind: 'functionapp'\n", "" },
        { "the app is a function app with probes and identity", "dev", "modules/functions-app.bicep", "/api/health'\n                port", "/api/model'\n                port" },
        { "the app is a function app with probes and identity", "dev", "modules/functions-app.bicep", "value: 'containerapp'", "value: 'files'" },
        { "the app is a function app with probes and identity", "dev", "modules/functions-app.bicep", "failureThreshold: 10", "failureThreshold: 48" },
        { "the training machine is shielded, and comes back after an eviction", "dev", "modules/training.bicep", "secureBootEnabled: true", "secureBootEnabled: false" },
        { "the training machine is shielded, and comes back after an eviction", "dev", "modules/training.bicep", "'Deallocate'", "'Delete'" },
        { "the training machine is shielded, and comes back after an eviction", "dev", "modules/training.bicep", "= if (options.spot) {\n  name: restartName", "= if (!options.spot) {\n  name: restartName" },
        { "the training machine is shielded, and comes back after an eviction", "dev", "modules/network.bicep", "access: 'Deny'", "access: 'Allow'" },
        { "someone is told", "dev", "modules/alerts.bicep", "'poison-queue': {", "'some-thing': {" },
        { "someone is told", "dev", "modules/alerts.bicep", "actionGroups: [team.id]", "actionGroups: []" },
        { "someone is told", "prod", "modules/alerts.bicep", "minReplicas > 0", "minReplicas > 100" },
    };

    public static TheoryData<string, string, string> PrivateFaults => new()
    {
        { "modules/storage.bicep", "private && empty(allowedIpAddresses) ? 'Disabled' : 'Enabled'", "'Enabled'" },
        { "modules/container-environment.bicep", "internal: true", "internal: false" },
        { "modules/storage.bicep", "        service: 'queue'", "        service: 'file'" },
        { "main.bicep", "= if (network.private) {\n  scope: group\n  name: 'private-app-domain'", "= if (!network.private) {\n  scope: group\n  name: 'private-app-domain'" },
    };

    [Theory]
    [MemberData(nameof(PromisesOfEnvironments))]
    public async Task A_promise_holds(string promise, string environment)
    {
        Assert.Empty(Promises.All[promise](await AsDeployedAsync(environment)));
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_broken_promise_is_noticed(string promise, string environment, string file, string text, string becomes)
    {
        using InfraCopy copy = new();
        Snapshot broken = await Snapshot.OfAsync(bicep, copy.With(environment).Change(file, text, becomes), environment);
        Assert.NotEmpty(Promises.All[promise](broken));
    }

    [Fact]
    public void Every_promise_has_a_fault_that_shows_its_check_works() =>
        Assert.Empty(Promises.All.Keys.Except(Faults.Select(f => (string)((ITheoryDataRow)f).GetData()[0]!)));

    [Fact]
    public async Task Prod_is_reached_from_inside_its_network_only()
    {
        Assert.Empty(Promises.Private(await AsDeployedAsync("prod")));
    }

    [Theory]
    [MemberData(nameof(PrivateFaults))]
    public async Task A_hole_in_the_private_network_is_noticed(string file, string text, string becomes)
    {
        using InfraCopy copy = new();
        Assert.NotEmpty(Promises.Private(await Snapshot.OfAsync(bicep, copy.With("prod").Change(file, text, becomes), "prod")));
    }

    [Fact]
    public async Task Dev_becomes_private_by_one_parameter()
    {
        using InfraCopy copy = new();
        copy.With("dev", ("LENTIGO_CONNECT_EVENTS", "false")).Change("environments/dev.bicepparam", "private: false", "private: true");
        Snapshot snapshot = await Snapshot.OfAsync(bicep, copy, "dev");
        Assert.Empty(Promises.Private(snapshot));
        Assert.All(Promises.All, p => Assert.Empty(p.Value(snapshot)));
        Assert.Equal(1, (int)Snapshot.At(snapshot.Single("Microsoft.App/containerApps"), "properties.template.scale.minReplicas")!);
    }

    [Fact]
    public async Task The_first_phase_deploys_everything_but_the_app()
    {
        using InfraCopy copy = new();
        Snapshot snapshot = await Snapshot.OfAsync(bicep, copy.With("dev", ("LENTIGO_FUNCTIONS_IMAGE", ""), ("LENTIGO_CONNECT_EVENTS", "false")), "dev");
        Assert.Empty(snapshot.OfType("Microsoft.App/containerApps"));
        Assert.Empty(snapshot.OfType("Microsoft.EventGrid/systemTopics/eventSubscriptions"));
        Assert.Single(snapshot.OfType("Microsoft.ContainerRegistry/registries"));
        Assert.Single(snapshot.OfType("Microsoft.App/managedEnvironments"));
    }

    [Theory]
    [InlineData("cpu", "Consumption", 2)]
    [InlineData("t4", "Consumption-GPU-NC8as-T4", 8)]
    [InlineData("a100", "Consumption-GPU-NC24-A100", 24)]
    public async Task The_app_runs_on_the_profile_that_was_asked_for(string compute, string profile, int cores)
    {
        using InfraCopy copy = new();
        copy.With("dev").Change("environments/dev.bicepparam", "compute: 'cpu'", $"compute: '{compute}'");
        Snapshot snapshot = await Snapshot.OfAsync(bicep, copy, "dev");
        Assert.Equal(profile, (string?)Snapshot.At(snapshot.Single("Microsoft.App/containerApps"), "properties.workloadProfileName"));
        Assert.Contains(Snapshot.At(snapshot.Single("Microsoft.App/managedEnvironments"), "properties.workloadProfiles")!.AsArray(), p => (string)p!["workloadProfileType"]! == profile);
        Assert.Equal(cores, (int)snapshot.Container["resources"]!["cpu"]!);
        Assert.Equal(compute == "cpu" ? "cpu" : "cuda", snapshot.Settings["Lentigo__Device"]);
    }

    [Fact]
    public async Task Entra_authentication_lets_Event_Grid_and_the_probes_through()
    {
        using InfraCopy copy = new();
        copy.With("dev").Change("environments/dev.bicepparam", "param environment", "param authentication = {\n  clientId: '22222222-2222-2222-2222-222222222222'\n  audiences: ['api://lentigo']\n}\nparam environment");
        JsonNode auth = (await Snapshot.OfAsync(bicep, copy, "dev")).Single("Microsoft.App/containerApps/authConfigs");
        Assert.Equal("Return401", (string?)Snapshot.At(auth, "properties.globalValidation.unauthenticatedClientAction"));
        Assert.Equal(["/runtime/webhooks/*", "/api/health"], Snapshot.At(auth, "properties.globalValidation.excludedPaths")!.AsArray().Select(p => (string)p!));
    }

    [Fact]
    public async Task Without_a_training_machine_there_is_no_network_and_no_address()
    {
        using InfraCopy copy = new();
        Snapshot snapshot = await Snapshot.OfAsync(bicep, copy.With("dev").Change("environments/dev.bicepparam", "enabled: true", "enabled: false"), "dev");
        Assert.DoesNotContain(snapshot.Resources, r => Snapshot.Type(r).StartsWith("Microsoft.Network/", StringComparison.Ordinal) || Snapshot.Type(r).StartsWith("Microsoft.Compute/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_deployment_in_the_middle_of_a_training_leaves_it_wanted()
    {
        using InfraCopy copy = new();
        Snapshot snapshot = await Snapshot.OfAsync(bicep, copy.With("dev", ("LENTIGO_TRAINING_STATE", "wanted")), "dev");
        Assert.Equal("wanted", (string?)Snapshot.At(snapshot.Single("Microsoft.Compute/virtualMachines"), "tags.training"));
    }

    [Fact]
    public async Task Every_parameter_that_holds_a_secret_is_secure_in_every_template()
    {
        foreach (string file in Repository.BicepFiles.Where(f => f.EndsWith(".bicep", StringComparison.Ordinal) && f != "types.bicep"))
        {
            JsonNode template = await bicep.CompileAsync(Path.Combine(Repository.Infra, file));
            Assert.Empty(InsecureParameters(template).Select(p => $"{file}: {p}"));
        }

        using InfraCopy copy = new();
        copy.Change("modules/budget.bicep", "param start string", "param start string\nparam storageKey string").Change("modules/budget.bicep", "'monthly'", "storageKey");
        Assert.Equal(["storageKey"], InsecureParameters(await bicep.CompileAsync(copy["modules/budget.bicep"])));
    }

    private async Task<Snapshot> AsDeployedAsync(string environment)
    {
        if (!Deployed.TryGetValue(environment, out Snapshot? snapshot))
        {
            using InfraCopy copy = new();
            Deployed[environment] = snapshot = await Snapshot.OfAsync(bicep, copy.With(environment), environment);
        }

        return snapshot;
    }

    private static IEnumerable<string> InsecureParameters(JsonNode template) =>
        (template["parameters"] as JsonObject ?? []).Where(p => IsSecret(p.Key) && !TypeOf(template, p.Value!).StartsWith("secure", StringComparison.OrdinalIgnoreCase)).Select(p => p.Key);

    private static bool IsSecret(string name) => name is "keys" or "webhook" || name.EndsWith("Key", StringComparison.Ordinal)
        || name.Contains("password", StringComparison.OrdinalIgnoreCase) || name.Contains("secret", StringComparison.OrdinalIgnoreCase);

    private static string TypeOf(JsonNode template, JsonNode parameter) =>
        (string?)parameter["type"] ?? (string)template["definitions"]![((string)parameter["$ref"]!).Split('/')[^1]]!["type"]!;
}
