using System.CommandLine;
using Lentigo.Core.Models;
using Lentigo.Training.Recipes;

namespace Lentigo.Training.Commands;

/// <summary>The options of <c>train</c> that choose a recipe and override its values.</summary>
internal static class RecipeArguments
{
    public static readonly Option<string> Recipe = new("--recipe") { HelpName = "paper|strong|file", Description = "The hyper-parameters; options below override its values. A file is a JSON object like {\"name\": \"mine\", \"optimizer\": \"adamw\"}; what it leaves out is the paper's. Its keys: " + string.Join(", ", TrainingRecipe.Keys) + ".", DefaultValueFactory = _ => "paper" };
    public static readonly Option<int?> Size = new("--size") { HelpName = "px", Description = "The side of the input [recipe: 64]." };
    public static readonly Option<int?> Epochs = new("--epochs") { Description = "Passes over the training images [recipe: 30]." };
    public static readonly Option<int?> Batch = new("--batch") { Description = "Images a step [recipe: 64]." };
    public static readonly Option<double?> LearningRate = new("--lr") { Description = "The (highest) learning rate [paper: 1e-4, strong: 4e-4]." };
    public static readonly Option<int?> Seed = new("--seed") { Description = "One seed gives the same losses on the CPU with the same threads [recipe: 1]." };
    public static readonly Option<string[]> PretrainData = new("--pretrain-data") { HelpName = "folder", Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = true, Description = "Train on these data sets first and start the training proper from those weights." };
    public static readonly Option<int?> PretrainSize = new("--pretrain-size") { HelpName = "px", Description = "The side of the input of the first training [recipe: 84]." };
    public static readonly Option<int?> PretrainEpochs = new("--pretrain-epochs") { Description = "Passes over the images of the first training [recipe: 3]." };
    public static readonly Option<double?> PretrainLearningRate = new("--pretrain-lr") { Description = "The (highest) learning rate of the first training [that of the second]." };
    public static readonly Option<double?> Distillation = new("--distill") { HelpName = "share", Description = "The share of the target that is the teacher's answer [recipe: 0.5 where there is a teacher]." };
    public static readonly Option<double?> Occlude = new("--occlude") { HelpName = "p", Description = "Draw hairs, a dark rim and a patch of one colour over images, each with this probability." };
    public static readonly Option<double?> Degrade = new("--degrade") { HelpName = "p", Description = "Reduce images to few pixels and enlarge them again with this probability, so that sharpness says little." };
    public static readonly Option<string?> Balance = new("--balance") { HelpName = "none|class|stratum", Description = "stratum: the same classes within each original resolution; the class prior is corrected afterwards." };
    public static readonly Option<string?> SelectOn = new("--select-on") { HelpName = "all|none|resolution", Description = "Keep the checkpoint of lowest loss on these validation images, e.g. 220; none keeps the last epoch's." };
    public static readonly Option<string?> Flips = new("--flips") { HelpName = "none|horizontal|all", Description = "Average the logits over mirror images, inside the exported graph." };
    public static readonly Option<double?> Ema = new("--ema") { HelpName = "decay", Description = "Keep a moving average of the weights, e.g. 0.998." };
    public static readonly Option<string?> Compute = new("--compute") { HelpName = "float32|bfloat16", Description = "What convolutions compute in while training; bfloat16 is faster for ResNet where the processor has it, slower for depthwise convolutions on a CPU." };

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
            if (!hasData && (r.Pretraining is not null || a.GetValue(PretrainSize) is not null || a.GetValue(PretrainEpochs) is not null || a.GetValue(PretrainLearningRate) is not null))
            {
                throw new UsageException("The recipe has a first training. Name its data sets with --pretrain-data.");
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
