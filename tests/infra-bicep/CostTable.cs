using System.Globalization;
using System.Text.Json.Nodes;
using static Lentigo.InfraBicep.Tests.Snapshot;

namespace Lentigo.InfraBicep.Tests;

/// <summary>What an environment costs a month: the resources of its snapshot at the prices of infra-bicep/prices.json.</summary>
internal sealed class CostTable
{
    private readonly JsonNode prices;

    public CostTable(Snapshot snapshot, JsonNode prices, string environment)
    {
        this.prices = prices;
        JsonNode app = snapshot.Single("Microsoft.App/containerApps"), use = prices["use"]![environment]!, account = snapshot.Single("Microsoft.Storage/storageAccounts");
        double hours = Price("hoursAMonth"), minReplicas = (double)At(app, "properties.template.scale.minReplicas")!;
        string profile = (string)At(app, "properties.workloadProfileName")!;
        double gpu = profile.EndsWith("T4", StringComparison.Ordinal) ? Price("containerApps.t4Hour") : profile.EndsWith("A100", StringComparison.Ordinal) ? Price("containerApps.a100Hour") : 0;
        double cores = (double)snapshot.Container["resources"]!["cpu"]!, gib = double.Parse(((string)snapshot.Container["resources"]!["memory"]!)[..^2], CultureInfo.InvariantCulture);
        double appHours = minReplicas > 0 ? hours * minReplicas : (double)use["appHours"]!;
        JsonNode[] machines = [.. snapshot.OfType("Microsoft.Compute/virtualMachines")];
        int gateways = snapshot.OfType("Microsoft.Network/natGateways").Count(), addresses = snapshot.OfType("Microsoft.Network/publicIPAddresses").Count();
        int endpoints = snapshot.OfType("Microsoft.Network/privateEndpoints").Count(), zones = snapshot.OfType("Microsoft.Network/privateDnsZones").Count();
        int front = snapshot.OfType("Microsoft.Network/applicationGateways").Count();
        string registry = (string)At(snapshot.Single("Microsoft.ContainerRegistry/registries"), "sku.name")!, redundancy = (string)At(account, "sku.name")!;
        int logAlerts = snapshot.OfType("Microsoft.Insights/scheduledQueryRules").Count(a => Has(a, "properties.enabled", "true")), metricAlerts = snapshot.OfType("Microsoft.Insights/metricAlerts").Count();
        double trainingHours = (double)use["trainingHours"]!;
        Rows = new Dictionary<string, (double, string)>
        {
            ["app"] = (appHours * (gpu + (cores * Price("containerApps.vCpuHour")) + (gib * Price("containerApps.gibHour"))), Text($"{appHours:0} hours of {cores:0} vCPU, {gib:0} GiB{(gpu > 0 ? " and a GPU" : "")}; without the monthly free grant")),
            ["training machines"] = (machines.Sum(m => trainingHours * Price($"spotHour.{At(m, "properties.hardwareProfile.vmSize")}")), Text($"{trainingHours:0} hours spot of {machines.Length} x {At(machines.FirstOrDefault(), "properties.hardwareProfile.vmSize")}")),
            ["their disks"] = (machines.Length * Price("disk128GbMonth"), "128 GB each, also while a machine is off"),
            ["NAT gateway and addresses"] = (hours * ((gateways * Price("natGatewayHour")) + (addresses * Price("publicAddressHour"))), Text($"{gateways} and {addresses}; without what flows through")),
            ["Application Gateway"] = (hours * front * Price("applicationGatewayHour"), Text($"{front}")),
            ["registry"] = (hours / 24 * Price($"registryDay.{registry}"), registry),
            ["private endpoints and DNS zones"] = ((hours * endpoints * Price("privateEndpointHour")) + (zones * Price("privateDnsZoneMonth")), Text($"{endpoints} and {zones}")),
            ["storage"] = ((double)use["storageGb"]! * Price($"storageGbMonth.{redundancy}"), Text($"{use["storageGb"]} GB {redundancy["Standard_".Length..]}")),
            ["logs"] = ((double)use["logsGb"]! * Price("logsGb"), Text($"{use["logsGb"]} GB")),
            ["alerts"] = ((logAlerts * Price("logAlertMonth")) + (metricAlerts * Price("metricAlertMonth")), Text($"{logAlerts} over logs, {metricAlerts} over metrics")),
        };
        Budget = (int)At(snapshot.Single("Microsoft.Consumption/budgets"), "properties.amount")!;
    }

    /// <summary>Dollars and what was counted, by what they are for. What was counted is told of the last environment.</summary>
    public IReadOnlyDictionary<string, (double Dollars, string Counted)> Rows { get; }

    public int Budget { get; }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private double Price(string path) => (double)(At(prices, path) ?? throw new InvalidOperationException($"infra-bicep/prices.json has no {path}."));
}
