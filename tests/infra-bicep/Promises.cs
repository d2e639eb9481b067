using System.Text.Json.Nodes;
using static Lentigo.InfraBicep.Tests.Snapshot;

namespace Lentigo.InfraBicep.Tests;

/// <summary>What the infrastructure promises. Each gives a sentence for every breach it finds in what an environment deploys.</summary>
internal static class Promises
{
    // Owner, Contributor, User Access Administrator, Role Based Access Control Administrator.
    private static readonly string[] PowerfulRoles =
        ["8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "b24988ac-6180-42a0-ab88-20f7382dd24c", "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", "f58310d9-a9f6-439a-9e8d-f62e7b41a168"];

    // Resources that Azure gives no tags, or that are parts of others.
    private static readonly string[] WithoutTags =
    [
        "Microsoft.Insights/diagnosticSettings", "Microsoft.Authorization/roleAssignments", "Microsoft.Authorization/roleDefinitions", "Microsoft.Authorization/locks",
        "Microsoft.Storage/storageAccounts/blobServices", "Microsoft.Storage/storageAccounts/blobServices/containers", "Microsoft.Storage/storageAccounts/queueServices",
        "Microsoft.Storage/storageAccounts/queueServices/queues",
        "Microsoft.Storage/storageAccounts/tableServices", "Microsoft.Storage/storageAccounts/managementPolicies", "Microsoft.Consumption/budgets", "Microsoft.Network/virtualNetworks/virtualNetworkPeerings",
        "Microsoft.EventGrid/systemTopics/eventSubscriptions", "Microsoft.Insights/dataCollectionRuleAssociations", "Microsoft.App/containerApps/authConfigs",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups", "Microsoft.Network/privateDnsZones/A",
    ];

    private static readonly string[] WithDiagnostics =
    [
        "Microsoft.OperationalInsights/workspaces", "Microsoft.Network/virtualNetworks", "Microsoft.Network/networkSecurityGroups", "Microsoft.Network/publicIPAddresses",
        "Microsoft.Network/networkInterfaces", "Microsoft.Storage/storageAccounts", "Microsoft.Storage/storageAccounts/blobServices", "Microsoft.Storage/storageAccounts/queueServices",
        "Microsoft.Storage/storageAccounts/tableServices", "Microsoft.ContainerRegistry/registries", "Microsoft.EventGrid/systemTopics", "Microsoft.App/managedEnvironments",
        "Microsoft.App/containerApps", "Microsoft.Logic/workflows", "Microsoft.Network/applicationGateways",
    ];

    public static IReadOnlyDictionary<string, Func<Snapshot, IEnumerable<string>>> All { get; } = new Dictionary<string, Func<Snapshot, IEnumerable<string>>>
    {
        ["no shared keys"] = s =>
        [
            .. Unless(s, "Microsoft.Storage/storageAccounts", "properties.allowSharedKeyAccess", "false"),
            .. Unless(s, "Microsoft.Storage/storageAccounts", "properties.isLocalUserEnabled", "false"),
            .. Unless(s, "Microsoft.ContainerRegistry/registries", "properties.adminUserEnabled", "false"),
            .. Unless(s, "Microsoft.OperationalInsights/workspaces", "properties.features.disableLocalAuth", "true"),
            .. Unless(s, "Microsoft.Insights/components", "properties.DisableLocalAuth", "true"),
            .. new[] { "listKeys", "listCredentials", "AccountKey" }.Where(k => s.Text.Contains(k, StringComparison.OrdinalIgnoreCase)).Select(k => $"uses {k}"),
        ],
        ["no public address but the NAT gateway's"] = s =>
        {
            HashSet<string> ofGateways = [.. s.OfType("Microsoft.Network/natGateways").SelectMany(g => At(g, "properties.publicIpAddresses")!.AsArray()).Select(a => (string)a!["id"]!)];
            ofGateways.UnionWith(s.OfType("Microsoft.Network/applicationGateways").Select(g => g["properties"]!["frontendIPConfigurations"]!.AsArray()[0]!["properties"]!["publicIPAddress"]?["id"]?.ToString() ?? ""));
            return
            [
                .. s.OfType("Microsoft.Network/publicIPAddresses").Where(a => !ofGateways.Contains((string)a["id"]!)).Select(a => $"{Name(a)} is not a NAT gateway's"),
                .. s.OfType("Microsoft.Network/networkInterfaces").Where(n => n.ToJsonString().Contains("publicIPAddress", StringComparison.OrdinalIgnoreCase)).Select(n => $"{Name(n)} has a public address"),
                .. s.OfType("Microsoft.Network/virtualNetworks").SelectMany(n => At(n, "properties.subnets")!.AsArray()).Where(n => !Has(n!, "properties.defaultOutboundAccess", "false")).Select(n => $"subnet {n!["name"]} has default outbound access"),
            ];
        },
        ["least privilege"] = s =>
        [
            .. s.OfType("Microsoft.Authorization/roleAssignments").Where(a => PowerfulRoles.Any(r => At(a, "properties.roleDefinitionId")!.ToString().Contains(r, StringComparison.Ordinal))).Select(a => $"{Name(a)} grants a powerful role"),
            .. s.OfType("Microsoft.Authorization/roleDefinitions").Where(d => At(d, "properties.permissions")!.ToJsonString().Contains('*', StringComparison.Ordinal)).Select(d => $"{Name(d)} has a wildcard"),
            .. s.OfType("Microsoft.Authorization/roleAssignments").Where(a => a["id"]!.ToString().Split("/providers/Microsoft.Authorization")[0] is var scope && !scope.Contains("/providers/", StringComparison.Ordinal)).Select(a => $"{Name(a)} is for the whole group or subscription"),
            .. s.OfType("Microsoft.Authorization/roleAssignments").Where(a => At(a, "properties.roleDefinitionId")!.ToString().Contains("roleDefinitions/b7e6dc6d", StringComparison.Ordinal) && At(a, "properties.principalId")!.ToString().Contains("id-training", StringComparison.Ordinal)).Select(a => $"{Name(a)} lets the training own blobs"),
        ],
        ["encrypted in transit"] = s =>
        [
            .. Unless(s, "Microsoft.Storage/storageAccounts", "properties.minimumTlsVersion", "TLS1_2"),
            .. Unless(s, "Microsoft.Storage/storageAccounts", "properties.supportsHttpsTrafficOnly", "true"),
            .. Unless(s, "Microsoft.App/containerApps", "properties.configuration.ingress.allowInsecure", "false"),
            .. Unless(s, "Microsoft.App/managedEnvironments", "properties.peerTrafficConfiguration.encryption.enabled", "true"),
            .. s.OfType("Microsoft.EventGrid/systemTopics/eventSubscriptions").Where(e => Has(e, "properties.destination.endpointType", "WebHook") && !Has(e, "properties.destination.properties.minimumTlsVersionAllowed", "1.2")).Select(e => $"{Name(e)} calls by an old TLS"),
        ],
        ["encrypted at rest in two layers"] = s => Unless(s, "Microsoft.Storage/storageAccounts", "properties.encryption.requireInfrastructureEncryption", "true"),
        ["no anonymous access"] = s =>
        [
            .. Unless(s, "Microsoft.Storage/storageAccounts", "properties.allowBlobPublicAccess", "false"),
            .. Unless(s, "Microsoft.Storage/storageAccounts/blobServices/containers", "properties.publicAccess", "None"),
            .. Unless(s, "Microsoft.ContainerRegistry/registries", "properties.anonymousPullEnabled", "false"),
        ],
        ["diagnostics of everything"] = s =>
        {
            string[] scopes = [.. s.OfType("Microsoft.Insights/diagnosticSettings").Where(d => At(d, "properties.workspaceId") is not null).Select(d => d["id"]!.ToString().Split("/providers/Microsoft.Insights/diagnosticSettings")[0])];
            return
            [
                .. WithDiagnostics.SelectMany(s.OfType).Where(r => !scopes.Contains((string)r["id"]!)).Select(r => $"{Name(r)} has no diagnostic setting"),
                .. s.OfType("Microsoft.Insights/diagnosticSettings").Where(d => d.ToJsonString().Contains("\"enabled\":false", StringComparison.Ordinal)).Select(d => $"{Name(d)} is off"),
            ];
        },
        ["tags everywhere"] = s => s.Resources.Where(r => !WithoutTags.Contains(Type(r), StringComparer.OrdinalIgnoreCase))
            .Where(r => new[] { "application", "environment", "owner" }.Any(t => At(r, $"tags.{t}") is null)).Select(r => $"{Name(r)} lacks a tag"),
        ["no secret in what is deployed"] = s => InfraCopy.Variables.Where(v => v.Key.Contains("_KEY_", StringComparison.Ordinal) && s.Text.Contains(v.Value, StringComparison.Ordinal)).Select(v => $"{v.Key} can be read"),
        ["images are deleted in time and can be restored until then"] = s =>
        [
            .. s.OfType("Microsoft.Storage/storageAccounts/managementPolicies").Where(p =>
                At(p, "properties.policy.rules")!.AsArray().All(r => !Has(r!, "enabled", "false")
                    && !At(r, "definition.filters.prefixMatch")!.AsArray().Select(x => (string)x!).Contains("lesions/"))).Select(_ => "no rule deletes lesions"),
            .. s.OfType("Microsoft.Storage/storageAccounts/managementPolicies").SelectMany(p => At(p, "properties.policy.rules")!.AsArray())
                .Where(r => At(r, "definition.filters.prefixMatch")!.ToJsonString().Contains("lesions/", StringComparison.Ordinal) && (At(r, "definition.actions.baseBlob.delete") is null || At(r, "definition.actions.version.delete") is null))
                .Select(_ => "a deleted image stays as a version"),
            .. s.OfType("Microsoft.Storage/storageAccounts/managementPolicies").Where(p => new[] { "azure-webjobs-hosts/", "models/" }.Any(c => !At(p, "properties.policy.rules")!.AsArray().Any(r =>
                At(r, "definition.filters.prefixMatch")!.AsArray().Any(x => (string)x! == c) && At(r, "definition.actions.version.delete") is not null))).Select(_ => "what the host and publishing overwrite stays as versions for good"),
            .. s.OfType("Microsoft.Storage/storageAccounts/managementPolicies").SelectMany(p => At(p, "properties.policy.rules")!.AsArray())
                .Where(r => At(r, "definition.filters.prefixMatch")!.AsArray().Any(x => (string)x! == "models/") && At(r, "definition.actions.baseBlob") is not null).Select(_ => "a model that serves is deleted by its age"),
            .. s.OfType("Microsoft.Storage/storageAccounts/managementPolicies").Select(p => At(p, "properties.policy.rules")!.AsArray())
                .Where(rules => Days(rules, "azure-webjobs-hosts/blobreceipts/") <= Days(rules, "lesions/")).Select(_ => "a receipt is deleted before its image, which is then classified again"),
            .. Unless(s, "Microsoft.Storage/storageAccounts/blobServices", "properties.isVersioningEnabled", "true"),
            .. Unless(s, "Microsoft.Storage/storageAccounts/blobServices", "properties.deleteRetentionPolicy.enabled", "true"),
            .. Unless(s, "Microsoft.Storage/storageAccounts/blobServices", "properties.containerDeleteRetentionPolicy.enabled", "true"),
        ],
        ["every upload reaches exactly one function"] = s =>
        {
            string[] functions = ["classify-lesion", "classify-lesion-event", "classify-lesion-scan"];
            string[] on = [.. functions.Where(f => s.Settings.GetValueOrDefault($"AzureWebJobs.{f}.Disabled")?.Equals("false", StringComparison.OrdinalIgnoreCase) ?? true)];
            bool scan = on.Contains("classify-lesion-scan"), queue = on.Contains("classify-lesion-event"), events = !scan;
            JsonNode? subscription = s.OfType("Microsoft.EventGrid/systemTopics/eventSubscriptions").SingleOrDefault();
            string webhook = At(subscription, "properties.destination.properties.endpointUrl")?.ToString() ?? "";
            return
            [
                .. functions.Where(f => s.Settings.GetValueOrDefault($"AzureWebJobs.{f}.Disabled") != s.Settings.GetValueOrDefault($"AzureWebJobs_{f}_Disabled")).Select(f => $"{f} is on and off"),
                .. Breach(on.Length != 1, $"not one function is on but {on.Length}"),
                .. Breach(events != (subscription is not null), "the subscription and the function it calls do not go together"),
                .. Breach(queue && At(subscription, "properties.deliveryWithResourceIdentity.destination.properties.queueName")?.ToString() != "lesion-events", "Event Grid writes to another queue than the app reads"),
                .. Breach(queue && At(subscription, "properties.deliveryWithResourceIdentity.identity.type")?.ToString() != "SystemAssigned", "the account's firewall lets Event Grid in by its system-assigned identity alone"),
                .. Breach(queue && !s.OfType("Microsoft.Authorization/roleAssignments").Any(a => a.ToJsonString().Contains("c6a89b2d-59bc-44d0-9896-0f6e12d7b80a", StringComparison.Ordinal)), "Event Grid may not write to the queue"),
                .. Breach(queue && !Has(At(s.Single("Microsoft.App/containerApps"), "properties.template.scale")!, "allowScalingRuleOverride", "true"), "the platform's own rule for the queue, which needs a key, decides on replicas"),
                .. Breach(queue && !(At(s.Single("Microsoft.App/containerApps"), "properties.template.scale.rules") as JsonArray ?? []).Any(r => Has(r!, "azureQueue.queueName", "lesion-events") && At(r, "azureQueue.identity") is not null), "no replica is added for waiting uploads"),
                .. Breach(!queue && At(s.Single("Microsoft.App/containerApps"), "properties.template.scale.rules") is not null, "rules stand beside those of the platform, which it refuses"),
                .. new[] { "lesion-events", "lesion-events-poison", "webjobs-blobtrigger-poison" }.Where(q => !s.OfType("Microsoft.Storage/storageAccounts/queueServices/queues").Any(r => ((string)r["name"]!).Split('/')[^1] == q)).Select(q => $"the host warns all the time that there is no queue {q}"),
                .. Breach(events && !queue && !webhook.Contains("/runtime/webhooks/blobs?functionName=Host.Functions.classify-lesion&code=", StringComparison.Ordinal), "Event Grid calls another function"),
                .. Breach(events && At(subscription, "properties.filter.subjectBeginsWith")?.ToString() != "/blobServices/default/containers/lesions/blobs/", "Event Grid tells of other containers"),
                .. Breach(events && At(subscription, "properties.deadLetterWithResourceIdentity.deadLetterDestination.properties.blobContainerName")?.ToString() != "dead-letters", "events that cannot be delivered are lost"),
                .. Breach(scan && (int)At(s.Single("Microsoft.App/containerApps"), "properties.template.scale.minReplicas")! < 1, "nothing scans while no replica is there"),
            ];
        },
        ["the app is a function app with probes and identity"] = s =>
        [
            .. Breach(!Has(s.Single("Microsoft.App/containerApps"), "kind", "functionapp"), "the app is no function app"),
            .. Breach(!s.Container["probes"]!.AsArray().Any(p => Has(p!, "type", "Readiness") && Has(p!, "httpGet.path", "/api/health")), "nothing asks whether a replica is ready"),
            .. Breach(!s.Container["probes"]!.AsArray().Any(p => Has(p!, "type", "Liveness")), "nothing notices a hung replica"),
            .. Breach(s.Container["probes"]!.AsArray().Any(p => (int)p!["failureThreshold"]! is < 1 or > 10 || (int)p["periodSeconds"]! is < 1 or > 240 || (int?)p["initialDelaySeconds"] is < 1 or > 60), "a probe is outside what Container Apps takes"),
            .. Breach(s.Settings.ContainsKey("AzureWebJobsStorage") || !s.Settings.ContainsKey("AzureWebJobsStorage__blobServiceUri"), "the host's storage is not by identity"),
            .. Breach(s.Settings.GetValueOrDefault("AzureWebJobsStorage__credential") != "managedidentity", "the host's storage is not by identity"),
            .. Breach(s.Settings.GetValueOrDefault("AzureWebJobsSecretStorageType") != "ContainerApps", "the host would make keys of its own and refuse ours"),
            .. Breach(s.Settings.GetValueOrDefault("AzureFunctionsWebHost__hostid") is not { Length: > 0 and <= 32 } id || !id.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-') || id.EndsWith('-'), "each replica is a host of its own and classifies every image again"),
            .. Breach(s.Settings.GetValueOrDefault("AzureFunctionsJobHost__functionTimeout") is null or "-1", "a trigger may hang for good"),
            .. Breach(s.Settings.GetValueOrDefault("Lentigo__Device") == "cuda", "a GPU that does not work takes the app out of service"),
            .. Breach(!s.Container["env"]!.AsArray().All(e => e!["value"]!.ToString().Length > 0), "a setting is empty"),
        ],
        ["the training machine is shielded, and comes back after an eviction"] = s =>
        [
            .. Unless(s, "Microsoft.Compute/virtualMachines", "properties.securityProfile.securityType", "TrustedLaunch"),
            .. Unless(s, "Microsoft.Compute/virtualMachines", "properties.securityProfile.uefiSettings.secureBootEnabled", "true"),
            .. Unless(s, "Microsoft.Compute/virtualMachines", "properties.osProfile.linuxConfiguration.disablePasswordAuthentication", "true"),
            .. Breach(s.OfType("Microsoft.Compute/virtualMachines").Any(m => Has(m, "properties.priority", "Spot") && !Has(m, "properties.evictionPolicy", "Deallocate")), "an eviction deletes the machine"),
            .. Breach(s.OfType("Microsoft.Compute/virtualMachines").Any(m => Has(m, "properties.priority", "Spot")) && !s.OfType("Microsoft.Logic/workflows").Any(w => w.ToJsonString().Contains("/start?", StringComparison.Ordinal)), "nothing starts an evicted machine"),
            .. s.OfType("Microsoft.Network/networkSecurityGroups").Where(g => !((string)g["name"]!).StartsWith("nsg-gateway-", StringComparison.Ordinal) && ((At(g, "properties.securityRules") as JsonArray)?.Any(r => Has(r!, "properties.direction", "Inbound") && Has(r!, "properties.access", "Allow")) ?? false)).Select(g => $"{Name(g)} lets traffic in"),
        ],
        ["someone is told"] = s =>
        {
            string team = (string)s.Single("Microsoft.Insights/actionGroups")["id"]!;
            JsonNode[] alerts = [.. s.OfType("Microsoft.Insights/scheduledQueryRules"), .. s.OfType("Microsoft.Insights/metricAlerts")];
            string[] expected = ["errors-5xx", "latency-p95", "poison-queue", "replica-not-ready", "training-failed", .. s.Settings["Lentigo__Device"] == "cpu" ? Array.Empty<string>() : ["gpu-not-used"]];
            string errors = alerts.Single(a => a["name"]!.ToString().Contains("errors-5xx", StringComparison.Ordinal)).ToJsonString();
            return
            [
                .. expected.Where(e => !alerts.Any(a => a["name"]!.ToString().Contains(e, StringComparison.Ordinal) && Has(a, "properties.enabled", "true"))).Select(e => $"no alert {e}"),
                .. Breach(!errors.Contains("predict", StringComparison.Ordinal) || errors.Contains("health", StringComparison.Ordinal), "the share of failing calls counts probes"),
                .. new[] { "webjobs-blobtrigger", "lesion-events" }.Where(q => !alerts.Any(a => a["name"]!.ToString().Contains("poison", StringComparison.Ordinal) && a.ToJsonString().Contains(q, StringComparison.Ordinal))).Select(q => $"nobody is told of {q}-poison"),
                .. alerts.Where(a => !At(a, "properties.actions")!.ToJsonString().Contains(team, StringComparison.Ordinal)).Select(a => $"{Name(a)} tells nobody"),
                .. Breach(s.OfType("Microsoft.Consumption/budgets").Sum(b => At(b, "properties.notifications")!.AsObject().Count) < 2, "nobody is told what it costs"),
                .. Breach((int)At(s.Single("Microsoft.App/containerApps"), "properties.template.scale.minReplicas")! > 0 && !alerts.Any(a => a["name"]!.ToString().Contains("no-replica", StringComparison.Ordinal)), "nobody is told that no replica runs"),
                .. Breach(s.OfType("Microsoft.EventGrid/systemTopics").Any() && !alerts.Any(a => a["name"]!.ToString().Contains("dead-letters", StringComparison.Ordinal)), "nobody is told of undelivered events"),
            ];
        },
    };

    /// <summary>What holds with private networking only.</summary>
    public static IEnumerable<string> Private(Snapshot s)
    {
        string[] groups = [.. s.OfType("Microsoft.Network/privateEndpoints").SelectMany(e => At(e, "properties.privateLinkServiceConnections")!.AsArray()).SelectMany(c => At(c, "properties.groupIds")!.AsArray()).Select(g => (string)g!)];
        return
        [
            .. Unless(s, "Microsoft.Storage/storageAccounts", "properties.publicNetworkAccess", "Disabled"),
            .. Unless(s, "Microsoft.Storage/storageAccounts", "properties.networkAcls.defaultAction", "Deny"),
            .. Unless(s, "Microsoft.ContainerRegistry/registries", "properties.publicNetworkAccess", "Disabled"),
            .. Unless(s, "Microsoft.App/managedEnvironments", "properties.publicNetworkAccess", "Disabled"),
            .. Unless(s, "Microsoft.App/managedEnvironments", "properties.vnetConfiguration.internal", "true"),
            .. Breach(s.OfType("Microsoft.ContainerRegistry/registries/tasks").Any(t => !Has(t, "identity.type", "SystemAssigned") || !Has(t, "properties.credentials.sourceRegistry.loginMode", "None")), "a build signs in with credentials that the network rules refuse"),
            .. Unless(s, "Microsoft.ContainerRegistry/registries", "properties.networkRuleBypassAllowedForTasks", "true"),
            .. Breach(s.OfType("Microsoft.ContainerRegistry/registries/tasks").Count() != 3 || s.OfType("Microsoft.Authorization/roleAssignments").Count(a => a.ToJsonString().Contains("8311e382-0749-4cb8-b61a-304f252e45ec", StringComparison.Ordinal)) != 3, "an image has no task that may build and push it"),
            .. Breach(s.OfType("Microsoft.App/jobs").Count() != 1, "nothing inside publishes the model and tries the app out"),
            .. new[] { "blob", "queue", "table", "registry" }.Except(groups).Select(g => $"no private endpoint for {g}"),
            .. Breach(s.OfType("Microsoft.Network/privateEndpoints/privateDnsZoneGroups").Count() != groups.Length, "an endpoint has no private DNS"),
            .. Breach(!s.OfType("Microsoft.Network/privateDnsZones/A").Any(), "the app's name has no private address"),
        ];
    }

    private static int Days(JsonArray rules, string prefix) =>
        rules.Where(r => At(r, "definition.filters.prefixMatch")!.AsArray().Any(x => (string)x! == prefix)).Select(r => (int?)At(r, "definition.actions.baseBlob.delete.daysAfterModificationGreaterThan") ?? 0).SingleOrDefault();

    private static IEnumerable<string> Unless(Snapshot s, string type, string path, string expected) =>
        s.OfType(type).Where(r => !string.Equals(At(r, path)?.ToString(), expected, StringComparison.OrdinalIgnoreCase)).Select(r => $"{Name(r)}: {path} is {At(r, path)?.ToString() ?? "missing"}, not {expected}");

    private static IEnumerable<string> Breach(bool breached, string sentence) => breached ? [sentence] : [];
}
