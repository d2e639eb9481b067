namespace Lentigo.InfraBicep.Tests;

/// <summary>The script of the job inside the network, with stand-ins for the console and curl.</summary>
public sealed class OperationsTests
{
    [Fact]
    public async Task The_model_is_published_and_a_prediction_answered()
    {
        using Shell shell = Job();
        (int exit, string output) = await shell.RunAsync("operations/operate.sh");
        Assert.True(exit == 0, output);
        Assert.Equal(["publish --model", "/api/health", "/api/predict"], shell.Order("publish --model", "/api/health", "/api/predict"));
        Assert.DoesNotContain(shell.Calls, c => c.Contains("secret", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("dotnet*", "exit 1", "could not be published")]
    [InlineData("*api/health*", "echo 502", "does not become healthy: its last answer was 502")]
    [InlineData("*api/predict*", "echo 401", "AzureWebJobsSecretStorageType")]
    [InlineData("*api/predict*", "echo 500", "answers a prediction with 500")]
    [InlineData("*api/predict*", "echo 200; echo '{}' > \"$(sed 's/.*--output //;s/ .*//' <<< \"$call\")\"", "The answer is not one")]
    public async Task What_is_wrong_is_told_and_fails_the_job(string call, string answer, string sentence)
    {
        using Shell shell = Job(s => s.Answer(call, answer));
        (int exit, string output) = await shell.RunAsync("operations/operate.sh");
        Assert.Equal(1, exit);
        Assert.Contains(sentence, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_role_that_arrives_late_is_waited_for()
    {
        using Shell shell = Job(s => s.Answer("dotnet*", "[[ $(grep -c '^dotnet' \"$STAND_IN_LOG\") -ge 3 ]]"));
        Assert.Equal(0, (await shell.RunAsync("operations/operate.sh")).ExitCode);
        Assert.Equal(3, shell.Count("publish --model"));
    }

    [Fact]
    public async Task Without_a_model_the_app_may_wait_for_one()
    {
        using Shell shell = Job(s => s.Answer("*api/health*", "echo 503; : > \"$(sed 's/.*--output //;s/ .*//' <<< \"$call\")\"")).With("LENTIGO_MODEL", "none");
        (int exit, string output) = await shell.RunAsync("operations/operate.sh");
        Assert.True(exit == 0, output);
        Assert.Equal(0, shell.Count("dotnet"));
    }

    private static Shell Job(Action<Shell>? first = null)
    {
        Shell shell = new("dotnet", "curl");
        first?.Invoke(shell);
        return shell
            .Answer("*api/health*", "echo 200")
            .Answer("*api/predict*", "echo 200; echo '{\"probabilities\":[1,2,3,4,5,6,7]}' > \"$(sed 's/.*--output //;s/ .*//' <<< \"$call\")\"")
            .With("LENTIGO_MODEL", "lentigo").With("LENTIGO_MODELS", "https://st.example/models").With("LENTIGO_APP", "https://app.example").With("LENTIGO_KEY", "secret");
    }
}
