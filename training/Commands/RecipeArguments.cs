using System.CommandLine;
using Lentigo.Core.Models;
using Lentigo.Training.Recipes;

namespace Lentigo.Training.Commands;

/// <summary>The options of <c>train</c> that choose a recipe and override its values.</summary>
internal static class RecipeArguments
{
    public static readonly Option<string> Recipe =
        new("--recipe") { HelpName = "paper|strong|file",
        Description = "The hyperparameters; the options below override them. A file is a JSON object such as {\"name\": \"mine\", \"optimizer\": \"adamw\"}; "
        + "missing keys take the values of 'paper'. Keys: " + string.Join(", ", TrainingRecipe.Keys) + ".", DefaultValueFactory = _ => "paper" };
    public static readonly Option<int?> Size = new("--size") { HelpName = "px", Description = "The side of the input [recipe: 64]." };
    public static readonly Option<int?> Epochs = new("--epochs") { Description = "Passes over the training images [recipe: 30]." };
    public static readonly Option<int?> Batch = new("--batch") { Description = "Images per step [recipe: 64]." };
    public static readonly Option<double?> LearningRate = new("--lr") { Description = "The (peak) learning rate [paper: 1e-4, strong: 4e-4]." };
    public static readonly Option<int?> Seed =
        new("--seed") { Description = "The random seed; on the CPU, with the same number of threads, it reproduces the losses [recipe: 1]." };
    public static readonly Option<string[]> PretrainData =
        new("--pretrain-data") { HelpName = "folder", Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = true,
        Description = "Pretrain on these data sets, and start the main training from those weights." };
    public static readonly Option<int?> PretrainSize =
        new("--pretrain-size") { HelpName = "px", Description = "The side of the input in pretraining [recipe: 84]." };
    public static readonly Option<int?> PretrainEpochs = new("--pretrain-epochs") { Description = "Passes over the images in pretraining [recipe: 3]." };
    public static readonly Option<double?> PretrainLearningRate =
        new("--pretrain-lr") { Description = "The (peak) learning rate of pretraining [that of the main training]." };
    public static readonly Option<double?> Distillation =
        new("--distill") { HelpName = "share", Description = "The weight of the teacher's probabilities in the target [0.5 with a teacher]." };
    public static readonly Option<double?> Occlude =
        new("--occlude") { HelpName = "p", Description = "Draw hairs, a dark rim and a patch of one color over training images, each with this probability." };
    public static readonly Option<double?> Degrade =
        new("--degrade") { HelpName = "p",
        Description = "Downscale and enlarge training images with this probability, so that the class cannot be told from sharpness." };
    public static readonly Option<string?> Balance =
        new("--balance") { HelpName = "none|class|stratum",
        Description = "class: sample classes more evenly; stratum: with the same class distribution in each original resolution. The logits are then corrected "
        + "for the class prior." };
    public static readonly Option<string?> SelectOn =
        new("--select-on") { HelpName = "all|none|resolution",
        Description = "Select the checkpoint with the lowest loss on these validation images, e.g. those of 220 px; none keeps the last epoch." };
    public static readonly Option<string?> Flips =
        new("--flips") { HelpName = "none|horizontal|all", Description = "Average the logits over mirror images, in validation and in the exported graph." };
    public static readonly Option<double?> Ema =
        new("--ema") { HelpName = "decay", Description = "Validate and keep an exponential moving average of the weights with this decay, e.g. 0.998." };
    public static readonly Option<string?> Compute =
        new("--compute") { HelpName = "float32|bfloat16",
        Description = "The precision of convolutions in training; bfloat16 is faster for ResNet on processors that support it, slower for depthwise "
        + "convolutions on a CPU." };

    /// <summary>Reports a value on the command line or in a recipe file that cannot be used as bad usage.</summary>
    public static T Usage<T>(Func<T> asked)
    {
        try
        {
            return asked();
        }
        catch (TrainingException e)
        {
            throw new UsageException(e.Message);
        }
    }

    /// <summary>The recipe that is named, with the options that override it.</summary>
    /// <param name="a">The arguments.</param>
    /// <param name="teacher">The manifest of the ensemble that teaches; null for none.</param>
    /// <exception cref="UsageException">The options contradict each other, or a value is out of its range.</exception>
    public static TrainingRecipe Of(ParseResult a, ModelManifest? teacher)
    {
        return Usage(() =>
        {
            TrainingRecipe r = TrainingRecipe.Load(a.GetValue(Recipe)!);
            bool hasData = a.GetValue(PretrainData) is { Length: > 0 };
            if (!hasData && (r.Pretraining is not null || a.GetValue(PretrainSize) is not null || a.GetValue(PretrainEpochs) is not null
                || a.GetValue(PretrainLearningRate) is not null))
            {
                throw new UsageException("The recipe has a pretraining stage. Give its data sets with --pretrain-data.");
            }

            const double share = 0.5;
            if (teacher is null && (r.Distillation > 0 || a.GetValue(Distillation) is not null))
            {
                throw new UsageException("The recipe learns from a teacher. Name its package with --teacher.");
            }

            Pretraining first = r.Pretraining ?? new();
            return (r with
            {
                Pretraining = !hasData ? null : first with
                {
                    Size = a.GetValue(PretrainSize) ?? first.Size,
                    Epochs = a.GetValue(PretrainEpochs) ?? first.Epochs,
                    LearningRate = a.GetValue(PretrainLearningRate) ?? first.LearningRate,
                },
                Distillation = teacher is null ? 0 : a.GetValue(Distillation) ?? (r.Distillation > 0 ? r.Distillation : share),
                Teacher = teacher is null ? null : $"{teacher.Name} {teacher.Version}",
                Size = a.GetValue(Size) ?? r.Size,
                Epochs = a.GetValue(Epochs) ?? r.Epochs,
                BatchSize = a.GetValue(Batch) ?? r.BatchSize,
                LearningRate = a.GetValue(LearningRate) ?? r.LearningRate,
                Seed = a.GetValue(Seed) ?? r.Seed,
                Degrade = a.GetValue(Degrade) ?? r.Degrade,
                Hairs = a.GetValue(Occlude) ?? r.Hairs,
                Frame = a.GetValue(Occlude) ?? r.Frame,
                Erase = a.GetValue(Occlude) ?? r.Erase,
                Balance = a.GetValue(Balance) ?? r.Balance,
                SelectOn = a.GetValue(SelectOn) ?? r.SelectOn,
                Flips = a.GetValue(Flips) ?? r.Flips,
                Ema = a.GetValue(Ema) ?? r.Ema,
                Compute = a.GetValue(Compute) ?? r.Compute,
            }).Checked();
        });
    }
}
