using Lentigo.Core.Evaluation;

namespace Lentigo.Core.Tests.Evaluation;

public sealed class ClassPriorTests
{
    private static readonly double[] Natural = [0.03, 0.05, 0.1, 0.01, 0.1, 0.7, 0.01];

    [Fact]
    public void An_answer_that_knows_nothing_but_the_source_prior_becomes_the_target_prior()
    {
        double[] target = [0.1, 0.2, 0.1, 0.1, 0.3, 0.1, 0.1];
        Assert.All(ClassPrior.Reweigh(Natural, Natural, target).Zip(target), p => Assert.Equal(p.Second, p.First, 12));
    }

    [Fact]
    public void Reweighing_multiplies_by_the_ratio_of_priors_and_sums_to_one()
    {
        // Two classes, by hand: 0.2 * (0.5 / 0.1) = 1 against 0.8 * (0.5 / 0.9) = 4 / 9.
        double[] weighed = ClassPrior.Reweigh([0.2, 0.8], [0.1, 0.9], [0.5, 0.5]);
        Assert.Equal(9.0 / 13, weighed[0], 12);
        Assert.Equal(4.0 / 13, weighed[1], 12);
    }

    [Fact]
    public void There_and_back_is_the_answer_itself_and_the_same_prior_changes_nothing()
    {
        double[] answer = [0.3, 0.05, 0.2, 0.15, 0.1, 0.12, 0.08], uniform = [.. Natural.Select(_ => 1.0 / 7)];
        Assert.All(ClassPrior.Reweigh(ClassPrior.Reweigh(answer, Natural, uniform), uniform, Natural).Zip(answer), p => Assert.Equal(p.Second, p.First, 12));
        Assert.Equal(answer, ClassPrior.Reweigh(answer, Natural, [.. Natural]));
    }

    [Fact]
    public void Priors_of_other_lengths_are_refused() =>
        Assert.Throws<ArgumentException>(() => ClassPrior.Reweigh([0.5, 0.5], [1], [0.5, 0.5]));

    [Theory]
    [InlineData("natural", 0.7)]
    [InlineData("uniform", 1.0 / 7)]
    [InlineData("1,1,1,1,1,4,1", 0.4)]
    [InlineData(" 0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.1", 0.4)]
    public void A_prior_is_a_name_or_seven_numbers_that_are_made_to_sum_to_one(string text, double nevus) =>
        Assert.Equal(nevus, ClassPrior.Parse(text, Natural)![5], 12);

    [Theory]
    [InlineData("even")]
    [InlineData("1,1")]
    [InlineData("1,1,1,1,1,1,1,1")]
    [InlineData("1,1,1,1,1,0,1")]
    [InlineData("1,1,1,1,1,-1,1")]
    [InlineData("1,1,1,1,1,x,1")]
    [InlineData("1,1,1,1,1,Infinity,1")]
    [InlineData("")]
    public void Anything_else_is_no_prior(string text) => Assert.Null(ClassPrior.Parse(text, Natural));
}
