using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Lentigo.Functions.Tests;

public class PredictQueryTests
{
    [Fact]
    public void What_is_not_asked_has_its_default()
    {
        PredictionOptions options = Read("");
        Assert.Equal(new() { Decision = new("uniform") }, options);
        Assert.Equal((0.95, 0.9), (options.Decision.Sensitivity, options.Decision.Coverage));
    }

    [Fact]
    public void Everything_can_be_asked()
    {
        PredictionOptions options = Read("?prior=natural&sensitivity=0.9&coverage=0.8&explain=mel&similar=5&suitability=warn");
        Assert.Equal(new() { Decision = new("natural", 0.9, 0.8), Explain = "mel", Similar = 5, AnswerUnsuitable = true }, options);
    }

    [Theory]
    [InlineData("sensitivity", "0")]
    [InlineData("sensitivity", "1")]
    [InlineData("sensitivity", "-1")]
    [InlineData("sensitivity", "x")]
    [InlineData("sensitivity", "NaN")]
    [InlineData("sensitivity", "0,9")]
    [InlineData("coverage", "0.49")]
    [InlineData("coverage", "1")]
    [InlineData("coverage", "")]
    [InlineData("similar", "-1")]
    [InlineData("similar", "21")]
    [InlineData("similar", "2.5")]
    [InlineData("suitability", "maybe")]
    public void A_value_that_cannot_be_is_a_problem_that_names_the_parameter(string name, string value)
    {
        Problem problem = Assert.Throws<ProblemException>(() => Read($"?{name}={value}")).Problem;
        Assert.Equal(400, problem.Status);
        Assert.Contains($"'{name}'", problem.Detail, StringComparison.Ordinal);
        Assert.Equal(400, Assert.Throws<ProblemException>(() => Read($"?{name}=0.9&{name}=0.9")).Problem.Status);
    }

    private static PredictionOptions Read(string query) => PredictQuery.Read(new QueryCollection(QueryHelpers.ParseQuery(query)), new() { Decision = new("uniform") });
}
