using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Lentigo.InfraBicep.Tests;

/// <summary>
/// A stand-in for Azure, as the scripts see it by az, curl and dotnet. It deploys what the real templates say (by the Bicep CLI), remembers it,
/// and refuses what Azure refuses: extensions of a machine that is off, another SSH key for a machine, builds into a private registry, an image
/// that is not there, a handshake with an app that sleeps, roles that are missing or have not arrived, budgets where there are none.
/// </summary>
internal sealed class StandInAzure : IAsyncDisposable
{
    private const string Client = """
        #!/usr/bin/env bash
        # Hands the call over to the test, with the variables that parameter files read, and gives its answer. Without other programs, since
        # a deployment makes many calls.
        LC_ALL=C
        input=''
        case " $* " in *' -H @- '*) input=$(< /dev/stdin) ;; esac
        fields=("${0##*/}" "$input" "$#" "$@")
        for name in ${!LENTIGO_@}; do fields+=("$name=${!name}"); done
        exec 3<> "/dev/tcp/127.0.0.1/$STAND_IN_PORT"
        { printf '%s\n' "${#fields[@]}"; for field in "${fields[@]}"; do printf '%s\n%s' "${#field}" "$field"; done; } >&3
        read -r code out err <&3
        if ((out > 0)); then read -r -N "$out" text <&3; printf '%s' "$text"; fi
        if ((err > 0)); then read -r -N "$err" text <&3; printf '%s' "$text" >&2; fi
        exit "$code"
        """;

    private static readonly System.Collections.Concurrent.ConcurrentDictionary<string, string> Compiled = [];
    private static readonly System.Collections.Concurrent.ConcurrentDictionary<string, string> Predicted = [];

    private readonly BicepCli bicep;
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly Task serving;
    private readonly List<(string Part, int Times, string Message)> faults = [];
    private readonly List<(string Part, Action<StandInAzure> Happens)> events = [];
    private readonly List<string> calls = [];
    private readonly Dictionary<string, int> refusals = [];

    public StandInAzure(BicepCli bicep, string environment)
    {
        this.bicep = bicep;
        Environment = environment;
        Directory.CreateDirectory(Path.Combine(Infra.Root, "models/lentigo"));
        File.WriteAllText(Path.Combine(Infra.Root, "models/lentigo/current.json"), "{}");
        listener.Start();
        serving = ServeAsync();
    }

    private static readonly System.Collections.Concurrent.ConcurrentDictionary<string, Lazy<Task<StandInAzure>>> Deployed = [];

    /// <summary>An Azure in which deploy.sh has deployed the environment once, with uploads by the queue.</summary>
    public static async Task<StandInAzure> DeployedAsync(BicepCli bicep, string environment)
    {
        StandInAzure before = await Deployed.GetOrAdd(environment, e => new(async () =>
        {
            await using StandInAzure first = new(bicep, e);
            (int exit, string output) = await first.RunAsync("deploy.sh", $"{e} --yes");
            Assert.True(exit == 0, output);
            return first;
        })).Value;
        StandInAzure azure = new(bicep, environment) { GroupExists = true, ModelPublished = true, AppAwake = before.AppAwake };
        foreach ((string id, JsonNode resource) in before.Resources)
        {
            azure.Resources[id] = resource.DeepClone();
        }

        foreach ((string name, Machine machine) in before.Machines)
        {
            azure.Machines[name] = new() { Power = machine.Power, Training = machine.Training, UserData = machine.UserData };
        }

        foreach ((string name, string key) in before.keys)
        {
            azure.keys[name] = key;
        }

        azure.Images.UnionWith(before.Images);
        return azure;
    }

    /// <summary>The checkout that the scripts run from.</summary>
    public InfraCopy Infra { get; } = new();

    public string Environment { get; }

    public string Group => $"rg-lentigo-{Environment}";

    public IReadOnlyList<string> Calls => calls;

    /// <summary>What has been deployed, by id.</summary>
    public Dictionary<string, JsonNode> Resources { get; } = new(StringComparer.OrdinalIgnoreCase);

    public Dictionary<string, Machine> Machines { get; } = [];

    public HashSet<string> Images { get; } = [];

    /// <summary>The variables of each deployment, in order.</summary>
    public List<IReadOnlyDictionary<string, string>> Deployments { get; } = [];

    public bool GroupExists { get; set; }

    public bool SignedIn { get; set; } = true;

    /// <summary>Whether building an image takes longer than the sign-in lasts.</summary>
    public bool SignInExpires { get; set; }

    public bool HasBudgets { get; set; } = true;

    /// <summary>How often a role is asked for before it has arrived.</summary>
    public int RoleDelay { get; set; }

    /// <summary>Whether the Functions host reads the keys that it is given.</summary>
    public bool ReadsKeys { get; set; } = true;

    public bool HasSshKeygen { get; set; } = true;

    public bool ModelPublished { get; set; }

    public bool AppAwake { get; set; }

    public JsonNode? App => OfType("Microsoft.App/containerApps").SingleOrDefault();

    public JsonNode? Subscription => OfType("Microsoft.EventGrid/systemTopics/eventSubscriptions").SingleOrDefault();

    public IEnumerable<JsonNode> OfType(string type) => Resources.Values.Where(r => string.Equals((string)r["type"]!, type, StringComparison.OrdinalIgnoreCase));

    public string? Secret(string name) =>
        Snapshot.At(App, "properties.configuration.secrets")?.AsArray().Where(s => (string)s!["name"]! == name).Select(s => keys.GetValueOrDefault(name)).SingleOrDefault();

    private readonly Dictionary<string, string> keys = [];

    public int Count(string part) => calls.Count(c => c.Contains(part, StringComparison.Ordinal));

    public IEnumerable<string> Order(params string[] parts) => calls.Select(c => parts.FirstOrDefault(p => c.Contains(p, StringComparison.Ordinal))).OfType<string>();

    /// <summary>A call that contains the part fails so many times.</summary>
    public StandInAzure Fail(string part, int times = 1, string message = "Azure is out of order.")
    {
        faults.Add((part, times, message));
        return this;
    }

    /// <summary>Nothing fails any more.</summary>
    public void Heal()
    {
        faults.Clear();
        events.Clear();
    }

    /// <summary>Something happens while a call that contains the part is under way.</summary>
    public StandInAzure During(string part, Action<StandInAzure> happens)
    {
        events.Add((part, happens));
        return this;
    }

    public async Task<(int ExitCode, string Output)> RunAsync(string script, string arguments, string input = "", params (string Name, string Value)[] variables)
    {
        using Shell shell = new();
        foreach (string program in new[] { "az", "curl", "dotnet" })
        {
            shell.Install(program, Client);
        }

        if (HasSshKeygen)
        {
            shell.Install("ssh-keygen", "#!/usr/bin/env bash\necho 'ssh-ed25519 AAAA lentigo-training' > \"${!#}.pub\"\n");
        }
        else
        {
            shell.Without("ssh-keygen");
        }

        shell.With("STAND_IN_PORT", ((IPEndPoint)listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture)).With("LENTIGO_ALERT_EMAIL", "team@example.org").With("LENTIGO_IMAGE_TAG", "1");
        foreach ((string name, string value) in variables)
        {
            shell.With(name, value);
        }

        return await shell.RunAsync(Infra[script], arguments, input);
    }

    public async ValueTask DisposeAsync()
    {
        listener.Stop();
        await serving;
        Infra.Dispose();
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            try
            {
                using TcpClient client = await listener.AcceptTcpClientAsync();
                using StreamReader reader = new(client.GetStream(), Encoding.Latin1);
                string[] fields = new string[int.Parse((await reader.ReadLineAsync())!, CultureInfo.InvariantCulture)];
                for (int i = 0; i < fields.Length; i++)
                {
                    char[] field = new char[int.Parse((await reader.ReadLineAsync())!, CultureInfo.InvariantCulture)];
                    await reader.ReadBlockAsync(field);
                    fields[i] = new(field);
                }

                int count = int.Parse(fields[2], CultureInfo.InvariantCulture);
                Call call = new(fields[0], fields[1], [.. fields.Skip(3).Take(count)], fields.Skip(3 + count).ToDictionary(v => v.Split('=')[0], v => v[(v.IndexOf('=', StringComparison.Ordinal) + 1)..]));
                (int code, string output, string error) = await AnswerAsync(call);
                byte[] answer = Encoding.UTF8.GetBytes(output), reason = Encoding.UTF8.GetBytes(error);
                await client.GetStream().WriteAsync((byte[])[.. Encoding.ASCII.GetBytes($"{code} {answer.Length} {reason.Length}\n"), .. answer, .. reason]);
            }
            catch (InvalidOperationException) when (!listener.Server.IsBound)
            {
                return;
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException)
            {
                if (!listener.Server.IsBound)
                {
                    return;
                }
            }
        }
    }

    private async Task<(int Code, string Output, string Error)> AnswerAsync(Call call)
    {
        calls.Add(call.ToString());
        foreach ((string part, Action<StandInAzure> happens) in events.Where(e => call.ToString().Contains(e.Part, StringComparison.Ordinal)).ToArray())
        {
            happens(this);
        }

        for (int i = 0; i < faults.Count; i++)
        {
            if (faults[i].Times > 0 && call.ToString().Contains(faults[i].Part, StringComparison.Ordinal))
            {
                faults[i] = faults[i] with { Times = faults[i].Times - 1 };
                return (1, "", faults[i].Message + "\n");
            }
        }

        try
        {
            string answer = call.Program switch
            {
                "az" => await AzAsync(call),
                "curl" => Curl(call),
                "dotnet" => Publish(),
                _ => throw new NotSupportedException(call.ToString()),
            };
            return (0, answer.Length > 0 ? answer + "\n" : "", "");
        }
        catch (RefusedException e)
        {
            return (1, "", e.Message + "\n");
        }
        catch (Exception e)
        {
            return (70, "", $"The stand-in failed at {call}: {e}\n");
        }
    }

    private async Task<string> AzAsync(Call call)
    {
        string verb = string.Join(' ', call.Arguments.TakeWhile(a => !a.StartsWith('-')));
        if (verb is "login")
        {
            SignedIn = true;
            return "";
        }

        if (!SignedIn && verb is not "bicep build-params")
        {
            throw new RefusedException("Please run 'az login' to setup account.");
        }

        switch (verb)
        {
            case "account show": return call["--output"] == "none" ? "" : "user";
            case "account set": return "";
            case "group exists": return GroupExists ? "true" : "false";
            case "bicep build-params":
                string parameters = File.ReadAllText(call["--file"]);
                return Compiled.TryGetValue(parameters, out string? known) ? known
                    : Compiled[parameters] = new JsonObject { ["parametersJson"] = (await bicep.ParametersAsync(call["--file"])).ToJsonString() }.ToJsonString();
            case "ad signed-in-user show": return "11111111-1111-1111-1111-111111111111";
            case "consumption budget list":
                return HasBudgets ? OfType("Microsoft.Consumption/budgets").Select(b => (string)Snapshot.At(b, "properties.timePeriod.startDate")! + "T00:00:00Z").FirstOrDefault() ?? ""
                    : throw new RefusedException("(400) Cost Management supports only Enterprise Agreement, Web direct and Microsoft Customer Agreement offer types.");
            case "resource list":
                string type = call["--resource-type"];
                if (type == "Microsoft.Compute/virtualMachines" && call["--query"].Contains(".id", StringComparison.Ordinal))
                {
                    return Machines.ContainsKey(call["--query"].Split('\'')[1]) ? $"/vm/{call["--query"].Split('\'')[1]}" : "";
                }

                return string.Join('\n', type == "Microsoft.Compute/virtualMachines" ? Machines.Keys : OfType(type).Select(r => (string)r["name"]!));
            case "containerapp secret show": return Secret(call["--secret-name"]) ?? "";
            case "containerapp replica list": return AppAwake ? "1" : "0";
            case "containerapp job start": return Operate();
            case "containerapp job execution show": return jobStatus;
            case "deployment sub what-if" or "deployment sub create": return await DeployAsync(call);
            case "acr repository show":
                RefuseIfPrivate("Microsoft.ContainerRegistry/registries");
                return Images.Contains(call["--image"]) ? "" : throw new RefusedException($"The requested data does not exist. manifest tagged by \"{call["--image"]}\" is not found.");
            case "acr task list-runs":
                string[] image = [.. call["--query"].Split('\'').Where((_, i) => i % 2 == 1)];
                return Images.Contains($"{image[0]}:{image[1]}") ? "1" : "0";
            case "acr build":
                RefuseIfPrivate("Microsoft.ContainerRegistry/registries");
                return Build(call["--image"]);
            case "acr task run":
                JsonNode task = OfType("Microsoft.ContainerRegistry/registries/tasks").SingleOrDefault(t => ((string)t["name"]!).EndsWith(call["--name"], StringComparison.Ordinal)) ?? throw new RefusedException($"The task {call["--name"]} was not found.");
                Require("8311e382-0749-4cb8-b61a-304f252e45ec", call["--name"], "failed to login to the registry: 403 Forbidden");
                if (!File.Exists(Path.Combine(Repository.Root, call["--file"])))
                {
                    throw new RefusedException($"Unable to find '{call["--file"]}'.");
                }

                string[] words = Encoding.UTF8.GetString(Convert.FromBase64String((string)Snapshot.At(task, "properties.step.encodedTaskContent")!)).Split(' ', '\n');
                if (!words.Contains(call["--file"]))
                {
                    throw new RefusedException($"The task builds another file than {call["--file"]}.");
                }

                return Build(words.First(w => w.StartsWith("$Registry/", StringComparison.Ordinal))["$Registry/".Length..]);
            case "vm show":
                Machine shown = Machines[call["--name"]];
                return call["--query"] switch { "id" => $"/vm/{call["--name"]}", "tags.training" => shown.Training, "userData" => shown.UserData, _ => "" };
            case "vm get-instance-view": return $"PowerState/{Machines[call["--name"]].Power}";
            case "vm start":
                Machines[call["--name"]].Power = "running";
                return "";
            case "vm deallocate":
                Machines[call["--name"]].Power = "deallocated";
                return "";
            case "vm run-command invoke":
                return Machines[call["--name"]].Power == "running" ? "Enable succeeded: \n[stdout]\nepoch 1\n\n[stderr]\n" : throw new RefusedException("Cannot run a command on a machine that is not running.");
            case "tag update":
                Machines[call["--resource-id"].Split('/')[^1]].Training = call["--tags"].Split('=')[1];
                return "";
            case "rest":
                Machines[call["--url"].Split('?')[0].Split('/')[^1]].UserData = (string)JsonNode.Parse(call["--body"])!["properties"]!["userData"]!;
                return "";
            case "eventgrid system-topic event-subscription delete":
                Resources.Remove(Resources.Single(r => (string)r.Value["type"]! == "Microsoft.EventGrid/systemTopics/eventSubscriptions").Key);
                return "";
            default: throw new NotSupportedException($"The stand-in does not know: az {verb}");
        }
    }

    private async Task<string> DeployAsync(Call call)
    {
        JsonNode snapshot = await PredictAsync(call);
        if (call.Arguments.Contains("what-if"))
        {
            return "";
        }

        Deployments.Add(call.Variables);
        Dictionary<string, JsonNode> wanted = [];
        foreach (JsonNode? resource in snapshot["predictedResources"]!.AsArray())
        {
            wanted[(string)resource!["id"]!] = resource.DeepClone();
        }

        foreach (JsonNode resource in wanted.Values)
        {
            Refuse(resource, wanted);
        }

        GroupExists = true;
        foreach ((string id, JsonNode resource) in wanted)
        {
            Resources[id] = resource;
            if ((string)resource["type"]! == "Microsoft.Compute/virtualMachines")
            {
                Machine machine = Machines.TryGetValue((string)resource["name"]!, out Machine? known) ? known : Machines[(string)resource["name"]!] = new();
                machine.Training = (string)Snapshot.At(resource, "tags.training")!;
                machine.UserData = Convert.ToBase64String(Encoding.UTF8.GetBytes(Settings(call, (string)resource["name"]! is var name && char.IsAsciiDigit(name[^1]) ? name[^1] - '1' : 0).ToJsonString()));
            }
        }

        if (call.Variables["LENTIGO_FUNCTIONS_IMAGE"].Length > 0)
        {
            keys["host-master"] = call.Variables["LENTIGO_KEY_MASTER"];
            keys["host-function-default"] = call.Variables["LENTIGO_KEY_FUNCTION"];
            keys["host-systemkey-blobs-extension"] = call.Variables["LENTIGO_KEY_BLOBS_EXTENSION"];
            AppAwake = MinReplicas > 0;
        }

        return call["--output"] != "json" ? "" : new JsonObject
        {
            ["registry"] = Output((string)OfType("Microsoft.ContainerRegistry/registries").Single()["name"]!),
            ["blobEndpoint"] = Output("https://st.example/"),
            ["hostName"] = Output(call.Variables["LENTIGO_FUNCTIONS_IMAGE"].Length > 0 ? "app.example" : ""),
            ["job"] = Output(OfType("Microsoft.App/jobs").Select(j => (string)j["name"]!).SingleOrDefault() ?? ""),
            ["trainingMachines"] = Output(snapshot["outputs"]!["trainingMachines"]!.DeepClone()),
            ["trainingConfigurations"] = Output(new JsonArray([.. snapshot["outputs"]!["trainingMachines"]!.AsArray().Select((_, i) => Settings(call, i))])),
        }.ToJsonString();

        static JsonObject Output(JsonNode value) => new() { ["value"] = value };
    }

    // Scenarios deploy the same again and again. The keys, which differ, do not show in a snapshot.
    private async Task<JsonNode> PredictAsync(Call call)
    {
        string parameters = Infra.WithOnly(Environment, call.Variables.ToDictionary(v => v.Key, v => v.Key.Contains("_KEY_", StringComparison.Ordinal) && v.Value.Length > 0 ? InfraCopy.Variables[v.Key] : v.Value));
        if (!Predicted.TryGetValue(parameters, out string? snapshot))
        {
            using InfraCopy copy = new(Infra);
            File.WriteAllText(copy[$"environments/{Environment}.bicepparam"], parameters);
            try
            {
                Predicted[parameters] = snapshot = (await copy.SnapshotAsync(bicep, Environment)).ToJsonString();
            }
            catch (BicepException e)
            {
                throw new RefusedException(e.Message);
            }
        }

        return JsonNode.Parse(snapshot)!;
    }

    // What Azure refuses of one resource.
    private void Refuse(JsonNode resource, Dictionary<string, JsonNode> wanted)
    {
        string name = (string)resource["name"]!, id = (string)resource["id"]!;
        switch ((string)resource["type"]!)
        {
            case "Microsoft.Compute/virtualMachines/extensions" when Machines.TryGetValue(id.Split('/')[^3], out Machine? machine) && machine.Power != "running":
                throw new RefusedException("Cannot modify extensions in the VM when the VM is not running.");
            case "Microsoft.Compute/virtualMachines" when Resources.TryGetValue(id, out JsonNode? old)
                && new[] { "properties.osProfile.linuxConfiguration", "properties.osProfile.customData", "properties.priority" }.FirstOrDefault(p => !JsonNode.DeepEquals(Snapshot.At(old, p), Snapshot.At(resource, p))) is { } property:
                throw new RefusedException($"Changing property '{property}' is not allowed.");
            case "Microsoft.App/managedEnvironments" when Resources.TryGetValue(id, out JsonNode? old) && !JsonNode.DeepEquals(Snapshot.At(old, "properties.zoneRedundant"), Snapshot.At(resource, "properties.zoneRedundant")):
                throw new RefusedException("The zone redundancy of an environment cannot change.");
            case "Microsoft.App/containerApps" or "Microsoft.App/jobs":
                string image = (string)Snapshot.At(resource, "properties.template.containers")!.AsArray()[0]!["image"]!;
                if (!Images.Any(i => image.Contains($"'{i}'", StringComparison.Ordinal)))
                {
                    throw new RefusedException($"MANIFEST_UNKNOWN: manifest of {image} is not found.");
                }

                if (!wanted.Values.Any(r => r.ToJsonString().Contains("7f951dda-4ed3-4680-a7ca-43fe172d538d", StringComparison.Ordinal)))
                {
                    throw new RefusedException($"UNAUTHORIZED: {name} may not pull {image}.");
                }

                break;
            case "Microsoft.EventGrid/systemTopics/eventSubscriptions" when Snapshot.At(resource, "properties.destination.endpointType")?.ToString() == "WebHook":
                if (!AppAwake || !ModelPublished || !ReadsKeys)
                {
                    throw new RefusedException("Webhook validation handshake failed.");
                }

                break;
            case "Microsoft.EventGrid/systemTopics/eventSubscriptions":
                Require("c6a89b2d-59bc-44d0-9896-0f6e12d7b80a", "lesion-events", "The managed identity of the topic may not write to the queue.");
                break;
            case "Microsoft.Consumption/budgets" when !HasBudgets:
                throw new RefusedException("Cost Management does not support this offer type.");
        }
    }

    private void Require(string role, string what, string refusal)
    {
        bool assigned = OfType("Microsoft.Authorization/roleAssignments").Any(a => Snapshot.At(a, "properties.roleDefinitionId")!.ToString().Contains(role, StringComparison.Ordinal));
        refusals[what] = refusals.GetValueOrDefault(what) + 1;
        if (!assigned || refusals[what] <= RoleDelay)
        {
            throw new RefusedException(refusal);
        }
    }

    private void RefuseIfPrivate(string type)
    {
        if (OfType(type).Any(r => Snapshot.At(r, "properties.publicNetworkAccess")?.ToString() == "Disabled"))
        {
            throw new RefusedException("denied: client with IP '203.0.113.7' is not allowed access. 403 Forbidden");
        }
    }

    private string Build(string image)
    {
        Images.Add(image);
        SignedIn = !SignInExpires;
        return "";
    }

    private string Publish()
    {
        // The console takes the sign-in of az.
        if (!SignedIn)
        {
            throw new RefusedException("AzureCliCredential authentication failed: Please run 'az login' to setup account.");
        }

        RefuseIfPrivate("Microsoft.Storage/storageAccounts");
        Require("ba92f5b4-2d11-453d-a403-e96b0029c9fe", "models", "This request is not authorized to perform this operation using this permission.");
        ModelPublished = true;
        return "";
    }

    private string jobStatus = "";

    // The job inside the network: what operate.sh does.
    private string Operate()
    {
        JsonNode job = OfType("Microsoft.App/jobs").Single();
        string model = (string)Snapshot.At(job, "properties.template.containers")!.AsArray()[0]!["env"]!.AsArray().Single(e => (string)e!["name"]! == "LENTIGO_MODEL")!["value"]!;
        ModelPublished |= model != "none";
        jobStatus = ReadsKeys && (ModelPublished || model == "none") ? "Succeeded" : "Failed";
        return "caj-operations-1";
    }

    private string Curl(Call call)
    {
        if (call.Arguments[^1].StartsWith("https://token.example", StringComparison.Ordinal))
        {
            return "{\"value\":\"oidc\"}";
        }

        string url = call.Arguments.Last(a => a.StartsWith("https://", StringComparison.Ordinal));
        if (App is null || Snapshot.At(OfType("Microsoft.App/managedEnvironments").Single(), "properties.publicNetworkAccess")?.ToString() == "Disabled")
        {
            throw new RefusedException($"curl: (6) Could not resolve host: {new Uri(url).Host}");
        }

        bool entra = OfType("Microsoft.App/containerApps/authConfigs").Any();
        string status = (url.EndsWith("/api/health", StringComparison.Ordinal), AppAwake, ModelPublished) switch
        {
            (true, false, _) => "503", // it wakes up
            (_, _, false) => "503",
            (true, _, true) => "200",
            (false, _, true) => entra || !ReadsKeys || call.Input != $"x-functions-key: {keys["host-function-default"]}" ? "401" : "200",
        };
        AppAwake = true;
        if (call["--output"] is { Length: > 0 } file && file != "/dev/null")
        {
            File.WriteAllText(file, status == "200" ? AnswerOfApp : "{}");
        }

        return status;
    }

    /// <summary>What the app answers to a prediction.</summary>
    public string AnswerOfApp { get; set; } = "{\"probabilities\":[1,2,3,4,5,6,7]}";

    private int MinReplicas => (int)Snapshot.At(App, "properties.template.scale.minReplicas")!;

    // What main.bicep tells a machine, from 0.
    private static JsonObject Settings(Call call, int machine) => new()
    {
        ["image"] = call.Variables["LENTIGO_TRAINING_IMAGE"] is { Length: > 0 } image ? $"cr.example/{image}" : "",
        ["run"] = "",
        ["job"] = "train",
        ["runs"] = "",
        ["given"] = "",
        ["arguments"] = $"--recipe strong --seed {machine + 1}",
        ["script"] = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(call.Variables["LENTIGO_TRAINING_IMAGE"]))),
    };

    /// <summary>A training machine.</summary>
    public sealed class Machine
    {
        public string Power { get; set; } = "running";

        public string Training { get; set; } = "idle";

        public string UserData { get; set; } = "e30=";

        public JsonNode Settings => JsonNode.Parse(Convert.FromBase64String(UserData))!;
    }

    private sealed record Call(string Program, string Input, IReadOnlyList<string> Arguments, IReadOnlyDictionary<string, string> Variables)
    {
        /// <summary>The value of an option; empty without it.</summary>
        public string this[string option]
        {
            get
            {
                int at = Arguments.ToList().IndexOf(option);
                return at < 0 ? "" : Arguments[at + 1];
            }
        }

        public override string ToString() => $"{Program} {string.Join(' ', Arguments)}";
    }

    private sealed class RefusedException(string message) : Exception(message);
}
