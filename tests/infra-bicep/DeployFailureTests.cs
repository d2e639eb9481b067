namespace Lentigo.InfraBicep.Tests;

/// <summary>deploy.sh after a failure in each of its phases.</summary>
public sealed class DeployFailureTests(BicepCli bicep)
{
    /// <summary>Environment, way of uploads, and the call that fails: the nth of its kind.</summary>
    public static TheoryData<string, string, string> Failures => new()
    {
        { "dev", "webhook", "sub what-if" },
        { "dev", "webhook", "sub create#1" },
        { "dev", "webhook", "acr build" },
        { "dev", "webhook", "sub create#2" },
        { "dev", "webhook", "/api/health" },
        { "dev", "webhook", "sub create#3" },
        { "dev", "queue", "sub create#3" },
        { "prod", "scan", "sub what-if" },
        { "prod", "queue", "sub create#1" },
        { "prod", "scan", "acr task run" },
        { "prod", "queue", "sub create#2" },
        { "prod", "queue", "sub create#3" },
        { "prod", "queue", "containerapp job" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task After_a_failure_in_any_phase_the_deployment_is_repeated(string environment, string uploads, string step)
    {
        await using StandInAzure azure = DeployTests.With(bicep, environment, uploads);
        string[] parts = step.Split('#');
        int seen = 0, failing = parts.Length > 1 ? int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture) : 1;
        bool armed = false;
        azure.During(parts[0], a =>
        {
            if (++seen == failing && !armed)
            {
                armed = true;
                a.Fail(parts[0], parts[0] == "sub create" ? 3 : 50);
            }
        });
        (int exit, string output) = await azure.RunAsync("deploy.sh", $"{environment} --yes");
        Assert.True(exit == 1, output);
        DeployTests.AssertClosed(azure);

        azure.Heal();
        await DeployTests.DeployAsync(azure);
        DeployTests.AssertClosed(azure);
        Assert.NotNull(azure.App);
        Assert.Equal(uploads != "scan", azure.Subscription is not null);
        Assert.True(azure.ModelPublished);
    }
}
