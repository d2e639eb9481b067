using System.Text.Json.Nodes;

namespace Lentigo.InfraBicep.Tests;

/// <summary>deploy.sh against the stand-in Azure: the first time, again, and with every option.</summary>
public sealed class DeployTests(BicepCli bicep)
{
    private const string Machine = "vm-train-lentigo-dev";

    [Fact]
    public async Task A_first_deployment_goes_from_nothing_to_a_connected_app()
    {
        await using StandInAzure azure = new(bicep, "dev");
        await DeployAsync(azure);
        Assert.Equal(
            ["sub what-if", "sub create", "acr build", "acr build", "dotnet", "sub create", "/api/health", "sub create", "/api/predict"],
            azure.Order("sub what-if", "sub create", "acr build", "dotnet", "/api/health", "/api/predict").Aggregate(new List<string>(), (all, next) => all.Count > 0 && all[^1] == next && next == "/api/health" ? all : [.. all, next]));
        Assert.Equal(["", "lentigo-functions:1", "lentigo-functions:1"], azure.Deployments.Select(d => d["LENTIGO_FUNCTIONS_IMAGE"]));
        Assert.Equal(["false", "false", "true"], azure.Deployments.Select(d => d["LENTIGO_CONNECT_EVENTS"]));
        Assert.NotNull(azure.App);
        Assert.NotNull(azure.Subscription);
        Assert.Equal(64, azure.Secret("host-function-default")!.Length);
        Assert.Equal($"{DateTime.UtcNow:yyyy-MM}-01", (string)Snapshot.At(azure.OfType("Microsoft.Consumption/budgets").Single(), "properties.timePeriod.startDate")!);
    }

    [Fact]
    public async Task A_second_deployment_keeps_keys_and_budget_and_does_not_touch_the_machine()
    {
        await using StandInAzure azure = await StandInAzure.DeployedAsync(bicep, "dev");
        string key = azure.Secret("host-function-default")!;
        JsonNode budget = azure.OfType("Microsoft.Consumption/budgets").Single();
        budget["properties"]!["timePeriod"]!["startDate"] = "2026-03-01";
        azure.Machines[Machine].Power = "deallocated";
        JsonNode machine = azure.OfType("Microsoft.Compute/virtualMachines").Single();

        await DeployAsync(azure, variables: ("LENTIGO_IMAGE_TAG", "2"));
        Assert.Equal(key, azure.Secret("host-function-default"));
        Assert.Equal("2026-03-01", (string)Snapshot.At(azure.OfType("Microsoft.Consumption/budgets").Single(), "properties.timePeriod.startDate")!);
        Assert.Same(machine, azure.OfType("Microsoft.Compute/virtualMachines").Single());
        Assert.Equal("cr.example/lentigo-training:2", (string)azure.Machines[Machine].Settings["image"]!);
    }

    [Theory]
    [InlineData("acr build")]
    [InlineData("sub create")]
    public async Task A_machine_that_turns_itself_off_meanwhile_does_not_stop_the_deployment(string meanwhile)
    {
        await using StandInAzure azure = new StandInAzure(bicep, "dev").During(meanwhile, a =>
        {
            foreach (StandInAzure.Machine machine in a.Machines.Values)
            {
                machine.Power = "deallocated";
            }
        });
        await DeployAsync(azure);
        Assert.Equal("deallocated", azure.Machines[Machine].Power);
    }

    [Theory]
    [InlineData("wanted", "done", "acr build")]
    [InlineData("idle", "wanted", "sub create")]
    [InlineData("idle", "wanted", "rest --method patch")]
    public async Task What_a_training_says_during_a_deployment_is_kept(string before, string meanwhile, string moment)
    {
        await using StandInAzure azure = await StandInAzure.DeployedAsync(bicep, "dev");
        azure.Machines[Machine].Training = before;
        azure.During(moment, a => a.Machines[Machine].Training = meanwhile);
        await DeployAsync(azure, variables: ("LENTIGO_IMAGE_TAG", "2"));
        Assert.Equal(meanwhile, azure.Machines[Machine].Training);
    }

    [Fact]
    public async Task A_run_keeps_its_name_and_arguments()
    {
        await using StandInAzure azure = await StandInAzure.DeployedAsync(bicep, "dev");
        JsonNode settings = azure.Machines[Machine].Settings;
        (settings["run"], settings["job"], settings["runs"], settings["given"], settings["arguments"]) = ("r1", "compose", "r2 r3", "--recipe paper", "--recipe of the last deployment");
        azure.Machines[Machine].UserData = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(settings.ToJsonString()));
        await DeployAsync(azure, variables: ("LENTIGO_IMAGE_TAG", "2"));
        settings = azure.Machines[Machine].Settings;
        Assert.Equal(
            ["r1", "compose", "r2 r3", "--recipe paper", "--recipe strong --seed 1", "cr.example/lentigo-training:2"],
            new[] { "run", "job", "runs", "given", "arguments", "image" }.Select(s => (string)settings[s]!));
    }

    [Fact]
    public async Task A_machine_that_training_is_switched_off_for_is_left_alone()
    {
        await using StandInAzure azure = await StandInAzure.DeployedAsync(bicep, "dev");
        string before = azure.Machines[Machine].UserData;
        azure.Infra.Change("environments/dev.bicepparam", "enabled: true", "enabled: false");
        await DeployAsync(azure);
        Assert.Equal(before, azure.Machines[Machine].UserData);
    }

    [Fact]
    public async Task Further_machines_are_created_beside_those_that_exist()
    {
        await using StandInAzure azure = await StandInAzure.DeployedAsync(bicep, "dev");
        azure.Machines[Machine].Power = "deallocated";
        azure.Machines[Machine].Training = "wanted";
        azure.Infra.Change("environments/dev.bicepparam", "machines: 1", "machines: 3");
        await DeployAsync(azure);
        Assert.Equal([Machine, $"{Machine}-2", $"{Machine}-3"], azure.Machines.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("wanted", azure.Machines[Machine].Training);

        // Each takes up its own configuration, and the one that is not counted any more that of the last.
        azure.Infra.Change("environments/dev.bicepparam", "machines: 3", "machines: 2");
        await DeployAsync(azure, variables: ("LENTIGO_IMAGE_TAG", "2"));
        Assert.Equal(["--recipe strong --seed 1", "--recipe strong --seed 2", "--recipe strong --seed 2"], azure.Machines.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => (string)m.Value.Settings["arguments"]!));
        Assert.All(azure.Machines.Values, m => Assert.Equal("cr.example/lentigo-training:2", (string)m.Settings["image"]!));
    }

    [Theory]
    [InlineData("dev", "webhook", "queue")]
    [InlineData("prod", "queue", "scan")]
    public async Task Another_way_for_uploads_takes_the_place_of_the_one_before(string environment, string before, string after)
    {
        await using StandInAzure azure = With(environment, before);
        await DeployAsync(azure);
        azure.Infra.WithUploads(environment, after);
        await DeployAsync(azure);
        Assert.Equal(after == "queue" ? "StorageQueue" : null, Snapshot.At(azure.Subscription, "properties.deliveryWithResourceIdentity.destination.endpointType")?.ToString());
        Assert.Equal(after != "scan", azure.Subscription is not null);
    }

    [Fact]
    public async Task Prod_is_built_published_and_tried_out_without_an_opening_to_the_outside()
    {
        await using StandInAzure azure = new(bicep, "prod");
        string output = await DeployAsync(azure);
        Assert.Equal(0, azure.Count("acr build") + azure.Count("dotnet run") + azure.Count("curl "));
        Assert.Equal(["build-functions", "build-training", "build-operations"], azure.Calls.Where(c => c.Contains("acr task run", StringComparison.Ordinal)).Select(c => c.Split("--name ")[1].Split(' ')[0]));
        Assert.Contains("lentigo-functions-gpu:1", azure.Images);
        Assert.Equal(1, azure.Count("containerapp job start"));
        Assert.True(azure.ModelPublished);
        Assert.Contains("a prediction was answered", output, StringComparison.Ordinal);
        AssertClosed(azure);
    }

    [Fact]
    public async Task Another_model_is_not_promised_to_a_private_network()
    {
        await using StandInAzure azure = new(bicep, "prod");
        Directory.CreateDirectory(Path.Combine(azure.Infra.Root, "models/other"));
        File.WriteAllText(Path.Combine(azure.Infra.Root, "models/other/current.json"), "{}");
        (int exit, string output) = await azure.RunAsync("deploy.sh", $"prod --yes --model {azure.Infra.Root}/models/other");
        Assert.Equal(1, exit);
        Assert.Contains("from a machine in the network", output, StringComparison.Ordinal);
        Assert.Empty(azure.Deployments);
    }

    [Theory]
    [InlineData("dev")]
    [InlineData("prod")]
    public async Task Roles_that_arrive_late_are_waited_for(string environment)
    {
        await using StandInAzure azure = With(environment, "queue");
        azure.RoleDelay = 2;
        await DeployAsync(azure);
        Assert.NotNull(azure.Subscription);
        Assert.True(azure.ModelPublished);
    }

    [Fact]
    public async Task A_build_that_fails_is_not_taken_for_a_missing_role()
    {
        await using StandInAzure azure = new StandInAzure(bicep, "prod").Fail("acr task run", 50, "error CS1002: ; expected");
        (int exit, string output) = await azure.RunAsync("deploy.sh", "prod --yes");
        Assert.Equal(1, exit);
        Assert.Contains("error CS1002", output, StringComparison.Ordinal);
        Assert.Equal(1, azure.Count("acr task run"));
    }

    [Theory]
    [InlineData("dev")]
    [InlineData("prod")]
    public async Task A_sign_in_that_expires_during_the_builds_is_renewed_in_a_workflow(string environment)
    {
        await using StandInAzure azure = new(bicep, environment) { SignInExpires = true };
        (string, string)[] github = [("ACTIONS_ID_TOKEN_REQUEST_URL", "https://token.example?a=b"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_TENANT_ID", "t"), ("AZURE_SUBSCRIPTION_ID", "s")];
        await DeployAsync(azure, "", github);
        Assert.NotNull(azure.App);
    }

    [Fact]
    public async Task With_Entra_authentication_a_call_without_a_token_must_be_refused()
    {
        await using StandInAzure azure = new(bicep, "dev");
        azure.Infra.Change("environments/dev.bicepparam", "param environment", "param authentication = {\n  clientId: '22222222-2222-2222-2222-222222222222'\n  audiences: []\n}\nparam environment");
        string output = await DeployAsync(azure);
        Assert.Contains("A call without a token is refused", output, StringComparison.Ordinal);
        Assert.NotNull(azure.Subscription);
    }

    [Theory]
    [InlineData("dev", "webhook")]
    [InlineData("dev", "queue")]
    [InlineData("prod", "queue")]
    public async Task Without_a_model_the_app_is_deployed_and_waits_for_one(string environment, string uploads)
    {
        await using StandInAzure azure = With(environment, uploads);
        string output = await DeployAsync(azure, "--model none");
        Assert.False(azure.ModelPublished);
        Assert.Equal(uploads == "queue", azure.Subscription is not null);
        Assert.Equal(0, azure.Count("/api/predict"));
        Assert.Contains(environment == "dev" ? "waits for a model" : "The app is at", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_app_that_sleeps_is_woken_before_Event_Grid_shakes_hands_with_it()
    {
        await using StandInAzure azure = With("dev", "webhook");
        await DeployAsync(azure);
        azure.AppAwake = false;
        await DeployAsync(azure);
        Assert.NotNull(azure.Subscription);
    }

    [Fact]
    public async Task A_subscription_without_budgets_gets_none_and_is_told_so()
    {
        await using StandInAzure azure = new(bicep, "dev") { HasBudgets = false };
        string output = await DeployAsync(azure);
        Assert.Contains("does not show its budgets", output, StringComparison.Ordinal);
        Assert.Empty(azure.OfType("Microsoft.Consumption/budgets"));
    }

    [Theory]
    [InlineData("dev")]
    [InlineData("prod")]
    public async Task Keys_that_the_host_does_not_read_are_told_by_the_setting_that_matters(string environment)
    {
        await using StandInAzure azure = With(environment, "queue");
        azure.ReadsKeys = false;
        (int exit, string output) = await azure.RunAsync("deploy.sh", $"{environment} --yes");
        Assert.Equal(1, exit);
        Assert.Contains(environment == "dev" ? "AzureWebJobsSecretStorageType" : "ContainerAppConsoleLogs", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_are_rotated_on_request_and_never_stand_on_a_command_line()
    {
        await using StandInAzure azure = await StandInAzure.DeployedAsync(bicep, "dev");
        string before = azure.Secret("host-function-default")!;
        await DeployAsync(azure, "--rotate-keys");
        string after = azure.Secret("host-function-default")!;
        Assert.NotEqual(before, after);
        Assert.DoesNotContain(azure.Calls, c => c.Contains(before, StringComparison.Ordinal) || c.Contains(after, StringComparison.Ordinal));
        Assert.DoesNotContain("--secrets", Repository.Read("infra-bicep/README.md"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("dev")]
    [InlineData("prod")]
    public async Task An_image_that_was_asked_for_is_deployed_as_it_is_or_not_at_all(string environment)
    {
        await using StandInAzure azure = new(bicep, environment);
        (int exit, string output) = await azure.RunAsync("deploy.sh", $"{environment} --yes --image 0");
        Assert.Equal(1, exit);
        Assert.Contains("There is no image", output, StringComparison.Ordinal);
        Assert.Empty(azure.Images);

        await DeployAsync(azure);
        int built = azure.Count("acr build") + azure.Count("acr task run");
        await DeployAsync(azure, "--image 1");
        Assert.Equal(built, azure.Count("acr build") + azure.Count("acr task run"));
    }

    [Theory]
    [InlineData("group exists")]
    [InlineData("resource list")]
    [InlineData("containerapp secret show")]
    public async Task A_question_that_fails_is_not_taken_for_a_no(string question)
    {
        await using StandInAzure azure = await StandInAzure.DeployedAsync(bicep, "dev");
        string key = azure.Secret("host-function-default")!;
        int deployed = azure.Deployments.Count;
        azure.Fail(question, 1);
        (int exit, string output) = await azure.RunAsync("deploy.sh", "dev --yes");
        Assert.True(exit == 1, output);
        Assert.Contains("Nothing was changed", output, StringComparison.Ordinal);
        Assert.Equal(deployed, azure.Deployments.Count);
        Assert.Equal(key, azure.Secret("host-function-default"));
    }

    [Fact]
    public async Task Who_is_not_signed_in_is_told_so()
    {
        foreach (string script in new[] { "deploy.sh", "train.sh", "destroy.sh" })
        {
            await using StandInAzure azure = new(bicep, "dev") { SignedIn = false };
            (int exit, string output) = await azure.RunAsync(script, "dev");
            Assert.Equal(1, exit);
            Assert.Contains("Sign in first", output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Nothing_is_created_without_a_yes_or_by_what_if()
    {
        await using StandInAzure azure = new(bicep, "dev");
        (int exit, string output) = await azure.RunAsync("deploy.sh", "dev", "n\n");
        Assert.Equal(1, exit);
        Assert.Contains("Nothing was created", output, StringComparison.Ordinal);
        Assert.Equal(0, (await azure.RunAsync("deploy.sh", "dev --what-if")).ExitCode);
        Assert.Empty(azure.Resources);
    }

    [Fact]
    public async Task Nothing_is_created_when_the_template_is_refused()
    {
        await using StandInAzure azure = new(bicep, "prod");
        (int exit, string output) = await azure.RunAsync("deploy.sh", "prod --yes --region northeurope");
        Assert.Equal(1, exit);
        Assert.Contains("has no serverless T4", output, StringComparison.Ordinal);
        Assert.Empty(azure.Resources);
    }

    [Fact]
    public async Task An_answer_that_is_none_fails_the_deployment()
    {
        await using StandInAzure azure = new(bicep, "dev") { AnswerOfApp = "{}" };
        (int exit, string output) = await azure.RunAsync("deploy.sh", "dev --yes");
        Assert.Equal(1, exit);
        Assert.Contains("The answer is not one", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_ssh_keygen_the_way_out_is_told_and_none_is_needed_with_a_key()
    {
        await using StandInAzure azure = new(bicep, "dev") { HasSshKeygen = false };
        (int exit, string output) = await azure.RunAsync("deploy.sh", "dev --yes");
        Assert.Equal(1, exit);
        Assert.Contains("LENTIGO_SSH_PUBLIC_KEY", output, StringComparison.Ordinal);
        await DeployAsync(azure, variables: ("LENTIGO_SSH_PUBLIC_KEY", "ssh-ed25519 BBBB"));
        await DeployAsync(azure); // the machine exists
    }

    private StandInAzure With(string environment, string uploads) => With(bicep, environment, uploads);

    internal static StandInAzure With(BicepCli bicep, string environment, string uploads)
    {
        StandInAzure azure = new(bicep, environment);
        azure.Infra.WithUploads(environment, uploads);
        return azure;
    }

    internal static async Task<string> DeployAsync(StandInAzure azure, string options = "", params (string Name, string Value)[] variables)
    {
        (int exit, string output) = await azure.RunAsync("deploy.sh", $"{azure.Environment} --yes {options}", "", variables);
        Assert.True(exit == 0, $"{output}\n{string.Join('\n', azure.Calls)}");
        return output;
    }

    // Whatever happens on the way, prod is never reached from outside.
    internal static void AssertClosed(StandInAzure azure)
    {
        if (azure.Environment == "prod")
        {
            foreach (string type in new[] { "Microsoft.Storage/storageAccounts", "Microsoft.ContainerRegistry/registries", "Microsoft.App/managedEnvironments" })
            {
                Assert.All(azure.OfType(type), r => Assert.Equal("Disabled", Snapshot.At(r, "properties.publicNetworkAccess")!.ToString()));
            }
        }
    }
}
