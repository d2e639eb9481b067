using System.Text.Json.Nodes;

namespace Lentigo.InfraBicep.Tests;

/// <summary>Each promise holds in both environments, and its check notices when the templates break it.</summary>
public sealed class PromiseTests(BicepCli bicep)
{
    private static readonly Dictionary<string, Snapshot> Deployed = [];

    public static TheoryData<string, string> PromisesOfEnvironments =>
        new(Promises.All.Keys.SelectMany(p => Repository.Environments.Select(e => (p, e))));

    /// <summary>Promise, environment (or dev with that way of uploads), file, text, what it becomes.</summary>
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
        { "least privilege", "dev", "modules/roles.bicep", "    scope: machines[i]\n    name: guid(machines[i].id, trainingIdentity.id", "    name: guid(machines[i].id, trainingIdentity.id" },
        { "least privilege", "dev", "modules/roles.bicep", "trainingIdentity.id, roles.blobDataReader)\n  properties: {\n    principalId: trainingIdentity.properties.principalId\n    principalType: 'ServicePrincipal'\n    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataReader)", "trainingIdentity.id, roles.blobDataReader)\n  properties: {\n    principalId: trainingIdentity.properties.principalId\n    principalType: 'ServicePrincipal'\n    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataOwner)" },
        { "encrypted in transit", "dev", "modules/storage.bicep", "minimumTlsVersion: 'TLS1_2'", "minimumTlsVersion: 'TLS1_0'" },
        { "encrypted in transit", "dev", "modules/storage.bicep", "supportsHttpsTrafficOnly: true", "supportsHttpsTrafficOnly: false" },
        { "encrypted in transit", "dev", "modules/functions-app.bicep", "allowInsecure: false", "allowInsecure: true" },
        { "encrypted in transit", "webhook", "modules/event-subscription.bicep", "'1.2'", "'1.0'" },
        { "encrypted at rest in two layers", "dev", "modules/storage.bicep", "requireInfrastructureEncryption: true", "requireInfrastructureEncryption: false" },
        { "no anonymous access", "dev", "modules/storage.bicep", "allowBlobPublicAccess: false", "allowBlobPublicAccess: true" },
        { "no anonymous access", "dev", "modules/storage.bicep", "publicAccess: 'None'", "publicAccess: 'Blob'" },
        { "diagnostics of everything", "dev", "modules/storage.bicep", "= {\n  scope: account::queues", "= if (location == 'nowhere') {\n  scope: account::queues" },
        { "diagnostics of everything", "dev", "modules/registry.bicep", "enabled: true", "enabled: false" },
        { "tags everywhere", "dev", "modules/training.bicep", "  name: 'nic-train-${suffix}'\n  location: location\n  tags: tags", "  name: 'nic-train-${suffix}'\n  location: location" },
        { "tags everywhere", "prod", "modules/private-endpoint.bicep", "tags: tags", "tags: location == 'nowhere' ? tags : {}" },
        { "no secret in what is deployed", "webhook", "types.bicep", "@sealed()\n@secure()\n", "@sealed()\n" },
        { "images are deleted in time and can be restored until then", "dev", "modules/storage.bicep", "'lesions/'", "'lesion/'" },
        { "images are deleted in time and can be restored until then", "dev", "modules/storage.bicep", "                  version: {\n                    delete: {\n                      daysAfterCreationGreaterThan: options.lesionRetentionDays\n                    }\n                  }\n", "" },
        { "images are deleted in time and can be restored until then", "dev", "modules/storage.bicep", "isVersioningEnabled: true", "isVersioningEnabled: false" },
        { "images are deleted in time and can be restored until then", "dev", "modules/storage.bicep", "'azure-webjobs-hosts/'\n", "'azure-webjobs/'\n" },
        { "images are deleted in time and can be restored until then", "dev", "modules/storage.bicep", "options.lesionRetentionDays + options.softDeleteDays + 1", "1" },
        { "images are deleted in time and can be restored until then", "dev", "modules/storage.bicep", "                    'models/'\n                  ]\n                }\n                actions: {\n", "                    'models/'\n                  ]\n                }\n                actions: {\n                  baseBlob: {\n                    delete: {\n                      daysAfterModificationGreaterThan: 90\n                    }\n                  }\n" },
        { "every upload reaches exactly one function", "dev", "modules/functions-app.bicep", "string(function.key != options.uploads)", "'True'" },
        { "every upload reaches exactly one function", "dev", "modules/functions-app.bicep", "'AzureWebJobs_${function.value}_Disabled', value: string(function.key != options.uploads)", "'AzureWebJobs_${function.value}_Disabled', value: 'True'" },
        { "every upload reaches exactly one function", "dev", "modules/storage.bicep", "  'webjobs-blobtrigger-poison'\n", "" },
        { "every upload reaches exactly one function", "queue", "modules/event-subscription.bicep", "queueName: 'lesion-events'", "queueName: 'lesions'" },
        { "every upload reaches exactly one function", "queue", "modules/event-subscription.bicep", "    deliveryWithResourceIdentity: uploads == 'queue'\n      ? {\n          identity: {\n            type: 'SystemAssigned'", "    deliveryWithResourceIdentity: uploads == 'queue'\n      ? {\n          identity: {\n            type: 'UserAssigned'" },
        { "every upload reaches exactly one function", "queue", "modules/roles.bicep", "queueMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'", "queueMessageSender: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'" },
        { "every upload reaches exactly one function", "queue", "modules/functions-app.bicep", "allowScalingRuleOverride: options.uploads == 'queue'", "allowScalingRuleOverride: false" },
        { "every upload reaches exactly one function", "queue", "modules/functions-app.bicep", "                  identity: identityId\n", "" },
        { "every upload reaches exactly one function", "webhook", "modules/functions-app.bicep", "rules: options.uploads == 'queue'", "rules: options.uploads != 'queue'" },
        { "every upload reaches exactly one function", "webhook", "main.bicep", "Host.Functions.classify-lesion&", "classify-lesion&" },
        { "every upload reaches exactly one function", "dev", "modules/event-subscription.bicep", "containers/lesions/blobs/", "containers/" },
        { "every upload reaches exactly one function", "scan", "modules/functions-app.bicep", "private || options.uploads == 'scan' ? max(options.minReplicas, 1) : options.minReplicas", "private ? 1 : options.minReplicas" },
        { "the app is a function app with probes and identity", "dev", "modules/functions-app.bicep", "  kind: 'functionapp'\n", "" },
        { "the app is a function app with probes and identity", "dev", "modules/functions-app.bicep", "/api/health'\n                port", "/api/model'\n                port" },
        { "the app is a function app with probes and identity", "dev", "modules/functions-app.bicep", "value: 'ContainerApps'", "value: 'containerapp'" },
        { "the app is a function app with probes and identity", "dev", "modules/functions-app.bicep", "            { name: 'AzureFunctionsWebHost__hostid', value: hostId }\n", "            { name: 'AzureFunctionsWebHost__host', value: hostId }\n" },
        { "the app is a function app with probes and identity", "dev", "main.bicep", "    hostId: suffix\n", "    hostId: '${suffix}-'\n" },
        { "the app is a function app with probes and identity", "dev", "modules/functions-app.bicep", "            { name: 'AzureFunctionsJobHost__functionTimeout', value: '00:10:00' }\n", "" },
        { "the app is a function app with probes and identity", "prod", "modules/functions-app.bicep", "'cpu' : 'auto'", "'cpu' : 'cuda'" },
        { "the app is a function app with probes and identity", "dev", "modules/functions-app.bicep", "failureThreshold: 10", "failureThreshold: 48" },
        { "the training machine is shielded, and comes back after an eviction", "dev", "modules/training.bicep", "secureBootEnabled: true", "secureBootEnabled: false" },
        { "the training machine is shielded, and comes back after an eviction", "dev", "modules/training.bicep", "'Deallocate'", "'Delete'" },
        { "the training machine is shielded, and comes back after an eviction", "dev", "modules/training.bicep", "= if (options.spot) {\n  name: restartName", "= if (!options.spot) {\n  name: restartName" },
        { "the training machine is shielded, and comes back after an eviction", "dev", "modules/network.bicep", "access: 'Deny'", "access: 'Allow'" },
        { "someone is told", "dev", "modules/alerts.bicep", "'poison-queue': {", "'some-thing': {" },
        { "someone is told", "dev", "modules/alerts.bicep", "actionGroups: [team.id]", "actionGroups: []" },
        { "someone is told", "dev", "modules/alerts.bicep", "AppRequests | where Name has_any (\"predict\", \"results\", \"feedback\") | summarize calls", "AppRequests | summarize calls" },
        { "someone is told", "dev", "modules/alerts.bicep", "(webjobs-blobtrigger|lesion-events)-poison", "webjobs-blobtrigger-poison" },
        { "someone is told", "prod", "main.bicep", "    gpu: serving.compute != 'cpu'\n  }\n  dependsOn", "    gpu: false\n  }\n  dependsOn" },
        { "someone is told", "prod", "modules/alerts.bicep", "minReplicas > 0", "minReplicas > 100" },
    };

    public static TheoryData<string, string, string> PrivateFaults => new()
    {
        { "modules/storage.bicep", "private && empty(allowedIpAddresses) ? 'Disabled' : 'Enabled'", "'Enabled'" },
        { "modules/container-environment.bicep", "internal: true", "internal: false" },
        { "modules/storage.bicep", "        service: 'queue'", "        service: 'file'" },
        { "modules/registry.bicep", "loginMode: 'None'", "loginMode: 'Default'" },
        { "modules/registry.bicep", "networkRuleBypassAllowedForTasks: private", "networkRuleBypassAllowedForTasks: false" },
        { "modules/roles.bicep", "acrPush: '8311e382-0749-4cb8-b61a-304f252e45ec'", "acrPush: '7f951dda-4ed3-4680-a7ca-43fe172d538d'" },
        { "main.bicep", "if (!empty(operationsImage) && !empty(functionsImage))", "if (empty(operationsImage))" },
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
        if (environment is "queue" or "webhook" or "scan")
        {
            copy.WithUploads("dev", environment);
            environment = "dev";
        }

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
        copy.WithUploads("dev", "queue").With("dev", ("LENTIGO_OPERATIONS_IMAGE", "lentigo-operations:1")).Change("environments/dev.bicepparam", "private: false", "private: true");
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
        Assert.Equal(compute == "cpu" ? "cpu" : "auto", snapshot.Settings["Lentigo__Device"]);
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
    public async Task A_machine_that_exists_is_not_deployed_again()
    {
        using InfraCopy copy = new();
        Snapshot snapshot = await Snapshot.OfAsync(bicep, copy.With("dev", ("LENTIGO_MACHINES", "vm-train-lentigo-dev vm-other")), "dev");
        Assert.DoesNotContain(snapshot.Resources, r => Snapshot.Type(r).StartsWith("Microsoft.Compute/", StringComparison.Ordinal));
        Assert.NotEmpty(snapshot.OfType("Microsoft.Logic/workflows"));
    }

    [Fact]
    public async Task Each_of_several_machines_has_its_own_way_back_after_an_eviction()
    {
        using InfraCopy copy = new();
        copy.With("dev").Change("environments/dev.bicepparam", "machines: 1", "machines: 3").Change("environments/dev.bicepparam", "['--recipe strong']", "['--members resnet18', '--members mobilenet_v2']");
        Snapshot snapshot = await Snapshot.OfAsync(bicep, copy, "dev");
        Assert.Equal(["--members resnet18", "--members mobilenet_v2", "--members mobilenet_v2"], snapshot.OfType("Microsoft.Compute/virtualMachines").Select(m => new[] { "--members resnet18", "--members mobilenet_v2" }.Single(m.ToJsonString().Contains)));
        Assert.Equal(3, snapshot.OfType("Microsoft.Compute/virtualMachines").Count());
        Assert.Equal(3, snapshot.OfType("Microsoft.Logic/workflows").Count());
        Assert.All(Promises.All, p => Assert.Empty(p.Value(snapshot)));
    }

    [Theory]
    [InlineData("dev", "webhook")]
    [InlineData("dev", "queue")]
    [InlineData("dev", "scan")]
    [InlineData("prod", "queue")]
    [InlineData("prod", "scan")]
    public async Task Every_way_to_learn_of_uploads_keeps_the_promises(string environment, string uploads)
    {
        using InfraCopy copy = new();
        copy.WithUploads(environment, uploads).With(environment);
        Snapshot snapshot = await Snapshot.OfAsync(bicep, copy, environment);
        Assert.All(Promises.All, p => Assert.Empty(p.Value(snapshot)));
    }

    private const string Domain = "model: 'lentigo'\n  domain: {\n    name: 'lentigo.example.org'\n    vaultId: '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-vault/providers/Microsoft.KeyVault/vaults/kv-example'\n    certificate: 'lentigo'\n  }";

    [Theory]
    [InlineData("none", 1)]
    [InlineData("private", 1)]
    [InlineData("public", 2)]
    public async Task Prod_has_a_way_in_under_a_name_of_ones_own(string gateway, int publicAddresses)
    {
        using InfraCopy copy = new();
        copy.With("prod").Change("environments/prod.bicepparam", "model: 'lentigo'", Domain).Change("environments/prod.bicepparam", "gateway: 'none'", $"gateway: '{gateway}'");
        Snapshot snapshot = await Snapshot.OfAsync(bicep, copy, "prod");
        Assert.All(Promises.All, p => Assert.Empty(p.Value(snapshot)));
        Assert.Empty(Promises.Private(snapshot));
        Assert.Equal(publicAddresses, snapshot.OfType("Microsoft.Network/publicIPAddresses").Count());
        Assert.Equal(gateway == "none" ? 0 : 1, snapshot.OfType("Microsoft.Network/applicationGateways").Count());
        Assert.Equal(gateway == "none" ? "lentigo.example.org" : null, Snapshot.At(snapshot.Single("Microsoft.App/containerApps"), "properties.configuration.ingress.customDomains")?[0]?["name"]?.ToString());
        Assert.Contains(snapshot.OfType("Microsoft.Authorization/roleAssignments"), a => a["id"]!.ToString().Contains("kv-example", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Prod_goes_into_a_network_and_DNS_zones_that_exist()
    {
        const string Network = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-hub/providers/Microsoft.Network";
        using InfraCopy copy = new();
        string subnets = string.Concat(new[] { "apps", "endpoints", "training", "gateway" }.Select(n => $"\n    {n}SubnetId: '{Network}/virtualNetworks/vnet-hub/subnets/{n}'"));
        string zones = string.Concat(new[] { "blob", "queue", "table", "registry" }.Select(n => $"\n    {n}: '{Network}/privateDnsZones/{n}'"));
        copy.With("prod").Change("environments/prod.bicepparam", "gateway: 'none'", $"gateway: 'none'\n  existing: {{\n    networkId: '{Network}/virtualNetworks/vnet-hub'{subnets}\n  }}\n  existingZones: {{{zones}\n  }}");
        Snapshot snapshot = await Snapshot.OfAsync(bicep, copy, "prod");
        Assert.Empty(snapshot.OfType("Microsoft.Network/virtualNetworks").Concat(snapshot.OfType("Microsoft.Network/natGateways")).Concat(snapshot.OfType("Microsoft.Network/publicIPAddresses")));
        Assert.Single(snapshot.OfType("Microsoft.Network/privateDnsZones")); // the app's own
        Assert.All(snapshot.OfType("Microsoft.Network/privateEndpoints"), e => Assert.EndsWith("/subnets/endpoints", Snapshot.At(e, "properties.subnet.id")!.ToString(), StringComparison.Ordinal));
        Assert.EndsWith("/subnets/apps", Snapshot.At(snapshot.Single("Microsoft.App/managedEnvironments"), "properties.vnetConfiguration.infrastructureSubnetId")!.ToString(), StringComparison.Ordinal);
        Assert.Empty(Promises.Private(snapshot));
    }

    [Fact]
    public async Task Peers_see_the_app_by_name_though_they_share_a_name()
    {
        using InfraCopy copy = new();
        string peers = string.Join(", ", new[] { "rg-hub", "rg-other" }.Select(g => $"'/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/{g}/providers/Microsoft.Network/virtualNetworks/vnet-hub'"));
        copy.With("prod").Change("environments/prod.bicepparam", "peers: []", $"peers: [{peers}]");
        Snapshot snapshot = await Snapshot.OfAsync(bicep, copy, "prod");
        Assert.Equal(2, Ids("Microsoft.Network/virtualNetworks/virtualNetworkPeerings"));
        Assert.Equal(10, Ids("Microsoft.Network/privateDnsZones/virtualNetworkLinks"));

        int Ids(string type) => snapshot.OfType(type).Where(r => r.ToJsonString().Contains("vnet-hub", StringComparison.Ordinal)).Select(r => (string)r["id"]!).Distinct().Count();
    }

    [Fact]
    public async Task The_account_is_encrypted_by_a_key_of_ones_own_on_request()
    {
        using InfraCopy copy = new();
        copy.With("prod").Change("environments/prod.bicepparam", "  lock: true\n", "  lock: true\n  encryptionKey: {\n    vaultId: '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-vault/providers/Microsoft.KeyVault/vaults/kv-example'\n    name: 'lentigo'\n  }\n");
        JsonNode account = (await Snapshot.OfAsync(bicep, copy, "prod")).Single("Microsoft.Storage/storageAccounts");
        Assert.Equal("Microsoft.Keyvault", Snapshot.At(account, "properties.encryption.keySource")!.ToString());
        Assert.Equal("lentigo", Snapshot.At(account, "properties.encryption.keyvaultproperties.keyname")!.ToString());
        Assert.Equal("UserAssigned", Snapshot.At(account, "identity.type")!.ToString());
        Assert.Equal("true", Snapshot.At(account, "properties.encryption.requireInfrastructureEncryption")!.ToString());
    }

    [Fact]
    public async Task Prod_is_spread_over_zones()
    {
        Assert.Equal("true", Snapshot.At((await AsDeployedAsync("prod")).Single("Microsoft.App/managedEnvironments"), "properties.zoneRedundant")!.ToString());
    }

    [Fact]
    public async Task Every_parameter_that_holds_a_secret_is_secure_in_every_template()
    {
        // A template holds those of its modules.
        JsonNode[] templates = [.. Nested(await bicep.CompileAsync(Path.Combine(Repository.Infra, "main.bicep")))];
        Assert.Equal(Directory.GetFiles(Path.Combine(Repository.Infra, "modules")).Length + 1, templates.Select(t => t["metadata"]!["description"]!.ToString()).Distinct().Count());
        Assert.Empty(templates.SelectMany(InsecureParameters));

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

    private static IEnumerable<JsonNode> Nested(JsonNode template) =>
        [template, .. (template["resources"] is JsonObject byName ? byName.Select(r => r.Value) : template["resources"]!.AsArray()).Where(r => (string)r!["type"]! == "Microsoft.Resources/deployments").Select(r => Snapshot.At(r, "properties.template")).OfType<JsonNode>().SelectMany(Nested)];

    private static IEnumerable<string> InsecureParameters(JsonNode template) =>
        (template["parameters"] as JsonObject ?? []).Where(p => IsSecret(p.Key) && !TypeOf(template, p.Value!).StartsWith("secure", StringComparison.OrdinalIgnoreCase)).Select(p => p.Key);

    private static bool IsSecret(string name) => name is "keys" or "webhook" || name.EndsWith("Key", StringComparison.Ordinal)
        || name.Contains("password", StringComparison.OrdinalIgnoreCase) || name.Contains("secret", StringComparison.OrdinalIgnoreCase);

    private static string TypeOf(JsonNode template, JsonNode parameter) =>
        (string?)parameter["type"] ?? (string)template["definitions"]![((string)parameter["$ref"]!).Split('/')[^1]]!["type"]!;
}
