using System.CommandLine;
using Lentigo.Core;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;
using Lentigo.Training.Networks;
using Lentigo.Training.Recipes;
using Lentigo.Training.Storage;
using Lentigo.Training.Trainers;
using Lentigo.Training.Weights;
using Spectre.Console;
using static TorchSharp.torch;

namespace Lentigo.Training.Commands;

/// <summary>The verb <c>train</c>.</summary>
internal static class TrainCommand
{
    private static readonly Option<string> Out =
        new("--out") { Required = true, HelpName = "folder",
        Description = "Where checkpoints, the log and the finished package (<version>/, current.json) go." };
    private static readonly Option<string> Members =
        new("--members") { HelpName = "a,b,...",
        Description = "The networks; a@7 takes seed 7. Known: " + string.Join(", ", Networks.MemberRegistry.All.Select(a => a.Name)) + ".",
        DefaultValueFactory = _ => "resnet18,mobilenet_v2" };
    private static readonly Option<string?> Weights =
        new("--weights") { HelpName = "file|folder",
        Description = "Weights to start from: a .safetensors file or one of torch.save (.pth, .pth.tar, .pt, .ckpt; any key and prefix), a folder with a file "
        + "named after the member, or the --out of another run." };
    private static readonly Option<string[]> ValidateOn =
        new("--validate-on") { HelpName = "name", Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = true,
        Description = "Which of several --data are split and validated on, by name or as given there [the first]. The others are used for training only, "
        + "without the lesions of validation images." };
    private static readonly Option<string?> TeacherPackage =
        new("--teacher") { HelpName = "package",
        Description = "Distill this ensemble: learn its probabilities beside the labels. It must have been trained on the same split." };
    private static readonly Option<string?> Prior =
        new("--prior") { HelpName = "natural|uniform|p1,...,p7",
        Description = "The class prior of the output probabilities [that of the validated data set]; in the order " + string.Join(", ", LesionClasses.Codes)
        + "." };
    private static readonly Option<bool> Resume =
        new("--resume") { Description =
        "Resume from the last checkpoints in --out (or later ones in --checkpoints), bit for bit. Repeat the other options; --epochs may be larger." };
    private static readonly Option<string?> Checkpoints =
        new("--checkpoints") { HelpName = "URL|container/folder",
        Description = "Copy the checkpoint to blob storage after each epoch: a folder of a container, by URL (with a SAS, or as the signed-in identity) or by "
        + "name with --connection." };
    private static readonly Option<int?> Limit =
        new("--limit") { HelpName = "n", Description = "Train on only about n of the training images, to try things out." };
    private static readonly Option<int?> Threads = new("--threads") { Description = "CPU threads [one per core]." };

    public static Command Create()
    {
        Command command = new("train", "Trains the members, keeps the best checkpoint of each, exports the ensemble and writes its package.")
        {
            DataArguments.Data, ValidateOn, RecipeArguments.PretrainData, RecipeArguments.PretrainSize, RecipeArguments.PretrainEpochs,
            RecipeArguments.PretrainLearningRate, TeacherPackage, RecipeArguments.Distillation, Out, Members, RecipeArguments.Recipe, RecipeArguments.Size,
            RecipeArguments.Epochs, RecipeArguments.Batch, RecipeArguments.LearningRate, RecipeArguments.Seed, DataArguments.Split, DataArguments.Fold,
            DataArguments.SplitFile, DataArguments.AllowLeaks, Weights, RecipeArguments.Degrade, RecipeArguments.Occlude, RecipeArguments.Balance,
            RecipeArguments.SelectOn, Prior, RecipeArguments.Flips, RecipeArguments.Ema, RecipeArguments.Compute, Resume, Checkpoints, Limit,
            DataArguments.Format, DataArguments.SkipMissing, DataArguments.NoCache, StorageArguments.Connection, CommandLine.DeviceName, Threads,
        };
        PackageArguments.AddTo(command);
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        ModelPackage? teacherPackage = arguments.GetValue(TeacherPackage) is { } taught ? ModelPackage.Open(taught) : null;
        TrainingRecipe recipe = RecipeArguments.Of(arguments, teacherPackage?.Manifest);
        IReadOnlyList<MemberSpec> members = RecipeArguments.Usage(() => MemberSpec.Parse(arguments.GetValue(Members)!, recipe.Seed));
        foreach (Option<int?> count in new[] { Threads, Limit })
        {
            if (arguments.GetValue(count) < 1)
            {
                throw new UsageException($"{count.Name} must be 1 or more.");
            }
        }

        Device device = CommandLine.DeviceOf(arguments.GetValue(CommandLine.DeviceName)!);
        if (arguments.GetValue(Threads) is { } threads)
        {
            set_num_threads(threads);
        }

        string folder = arguments.GetValue(Out)!, checkpoints = Path.Combine(folder, RunFiles.CheckpointFolder);
        bool resume = arguments.GetValue(Resume);
        if (!resume && members.FirstOrDefault(m => File.Exists(RunFiles.CheckpointPath(checkpoints, m.Name))) is { } done)
        {
            throw new UsageException($"{checkpoints} holds a checkpoint of {done.Name} already. Continue it with --resume, or choose another --out.");
        }

        string log = Path.Combine(folder, RunFiles.LogFileName);
        CheckpointCopies? copies = await CopiesAsync(arguments, members, checkpoints, log, resume, cancellationToken);

        IReadOnlyList<double>? prior = PriorOf(arguments.GetValue(Prior));
        (IReadOnlyList<DataLocation> validated, IReadOnlyList<DataLocation> more) = SourcesOf(arguments);
        LesionDataSet images = TrainingImages.Join(await DataArguments.OpenAllAsync(arguments, validated, recipe.Size, cancellationToken), Console.WriteLine);
        DataSetSplit split = SplitOf(arguments, images);
        if (recipe.SelectOn is not ("all" or TrainingRecipe.KeepLast) && split.Val.All(i => images.Records[i].Stratum != recipe.SelectOn))
        {
            throw new UsageException($"No validation image is of the resolution '{recipe.SelectOn}' of --select-on. Resolutions here: "
                + $"{string.Join(", ", images.Strata)}.");
        }

        using TrainingImages proper =
            TrainingImages.Of(images, split, await DataArguments.OpenAllAsync(arguments, more, recipe.Size, cancellationToken), Console.WriteLine);
        DataArguments.Describe(proper.Data, proper.Split);
        Teacher? teacher = teacherPackage is null ? null : await TeacherAsync(arguments, teacherPackage, [.. validated, .. more], split, cancellationToken);
        using TrainingImages? first = recipe.Pretraining is null ? null : await PretrainingImagesAsync(arguments, recipe, validated, split, cancellationToken);
        Directory.CreateDirectory(checkpoints);
        using CancellationTokenRegistration stopping = cancellationToken.Register(() => Console.Error.WriteLine("Stopping after this step ..."));
        Trainer? pretrainer = first is null ? null : new(first, recipe.OfPretraining(), device, prior ?? proper.Prior);
        Trainer trainer = new(proper, recipe, device, prior) { PretrainingSources = first?.Sources ?? [], Teacher = teacher };
        async Task TrainAsync(Trainer stage, MemberSpec member, string? weights) => await WithProgressAsync(log, member.Name, console =>
        {
            try
            {
                stage.Train(member, weights, checkpoints, resume, copies is null ? console : new CopyingListener(console, copies), cancellationToken);
            }
            catch (OperationCanceledException e)
            {
                throw new TrainingException(
                    File.Exists(RunFiles.CheckpointPath(checkpoints, member.Name))
                        ? $"Stopped. The last whole epoch of {member.Name} is in {checkpoints}: repeat the command with --resume to continue."
                        : $"Stopped before {member.Name} finished an epoch: repeat the command with --resume to start it again; finished members are kept.", e);
            }
        });
        foreach (MemberSpec member in members)
        {
            string? weights = arguments.GetValue(Weights) is { } path ? StartWeights.Find(path, member) : null;
            if (pretrainer is not null && !(resume && File.Exists(RunFiles.CheckpointPath(checkpoints, member.Name))))
            {
                await TrainAsync(pretrainer, member.OfPretraining(), weights);
                weights = RunFiles.BestPath(checkpoints, member.OfPretraining().Name);
            }

            await TrainAsync(trainer, member, weights);
        }

        PackageArguments.Write(TrainedMember.LoadAll([folder]), images, [split], folder, arguments);
        return 0;
    }

    private static async Task<Teacher> TeacherAsync(ParseResult arguments, ModelPackage package, IReadOnlyList<DataLocation> locations, DataSetSplit split,
        CancellationToken cancellationToken)
    {
        TeacherEnsemble.Check(package.Manifest, split);
        Console.WriteLine($"For the teacher {package.Manifest.Name} {package.Manifest.Version}:");
        using EnsembleModel model = EnsembleModel.Load(package, new());
        IReadOnlyList<LesionDataSet> sources = await DataArguments.OpenAllAsync(arguments, locations, package.Manifest.Input.Size, cancellationToken);
        Teacher teacher = TeacherEnsemble.Classify(model, sources);
        foreach (LesionDataSet source in sources)
        {
            source.Dispose();
        }

        return teacher;
    }

    /// <summary>The locations of <c>--data</c> that are validated on, and the others.</summary>
    private static (IReadOnlyList<DataLocation> Validated, IReadOnlyList<DataLocation> More) SourcesOf(ParseResult arguments)
    {
        IReadOnlyList<DataLocation> all = DataArguments.LocationsOf(arguments.GetValue(DataArguments.Data)!);
        if (arguments.GetValue(ValidateOn) is not { Length: > 0 } names)
        {
            return ([all[0]], [.. all.Skip(1)]);
        }

        DataLocation[] validated = [.. names.Select(name =>
        {
            DataLocation[] fitting = [.. all.Where(l => name == l.ToString() || name == l.Path || name == DataSetFiles.NameOf(l.Path))];
            return fitting is [var one] ? one : throw new UsageException(
                $"--validate-on {name} names {(fitting.Length == 0 ? "none" : "several")} of the data sets {string.Join(", ", all)}. Write it as it stands "
                    + "after --data.");
        })];
        return (validated, [.. all.Except(validated)]);
    }

    private static async Task<TrainingImages> PretrainingImagesAsync(
        ParseResult arguments, TrainingRecipe recipe, IReadOnlyList<DataLocation> validated, DataSetSplit split, CancellationToken cancellationToken)
    {
        Console.WriteLine("Pretraining:");
        int size = recipe.OfPretraining().Size;
        IReadOnlyList<LesionDataSet> sources =
            await DataArguments.OpenAllAsync(arguments, DataArguments.LocationsOf(arguments.GetValue(RecipeArguments.PretrainData)!), size, cancellationToken);
        LesionDataSet small = TrainingImages.Join(await DataArguments.OpenAllAsync(arguments, validated, size, cancellationToken), _ => { });
        TrainingImages images = TrainingImages.ForPretraining(small, split, sources, Console.WriteLine);
        DataArguments.Describe(images.Data, images.Split);
        return images;
    }

    private static async Task WithProgressAsync(string log, string member, Action<ITrainingListener> train)
    {
        if (Console.IsOutputRedirected || !AnsiConsole.Profile.Capabilities.Interactive)
        {
            using TrainingConsole plain = new(log, task: null);
            train(plain);
            return;
        }

        await AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn())
            .StartAsync(async context =>
            {
                using TrainingConsole live = new(log, context.AddTask(member));
                await Task.Run(() => train(live));
            });
    }

    /// <summary>The copies in blob storage that were asked for, with what is to be resumed fetched from them.</summary>
    private static async Task<CheckpointCopies?> CopiesAsync(
        ParseResult arguments, IReadOnlyList<MemberSpec> members, string checkpoints, string log, bool resume, CancellationToken cancellationToken)
    {
        if (arguments.GetValue(Checkpoints) is not { } location)
        {
            return null;
        }

        BlobFolder target = StorageArguments.Open(location, StorageArguments.ConnectionOf(arguments));
        CheckpointCopies copies = new(target, checkpoints, log, Console.WriteLine);
        await copies.CheckAsync(cancellationToken);
        foreach (MemberSpec member in members.SelectMany(m => new[] { m.OfPretraining(), m }))
        {
            if (resume)
            {
                await copies.FetchNewestAsync(member.Name, cancellationToken);
            }
            else if (await copies.HasAsync(member.Name, cancellationToken))
            {
                throw new UsageException($"{target.Location} holds a checkpoint of {member.Name} already. Continue it with --resume, or choose another "
                    + "--checkpoints.");
            }
        }

        return copies;
    }

    private static DataSetSplit SplitOf(ParseResult arguments, LesionDataSet images)
    {
        DataSetSplit split = DataArguments.SplitOf(arguments, images);
        if (split.Train.Select(t => images.Records[t].Label).Distinct().Count() < 2)
        {
            throw new DataSetException($"The training images of {images.Name} are all of one class; at least two are needed.");
        }

        if (arguments.GetValue(Limit) is not { } limit || limit >= split.Train.Count)
        {
            return split;
        }

        // The same share of each class and resolution, so that balancing still has what it needs.
        int[] shuffled = [.. split.Train];
        new Random(1).Shuffle(shuffled);
        int[] some = [.. shuffled.GroupBy(t => (images.Records[t].Label, images.Records[t].Stratum))
            .SelectMany(g => g.Take((int)Math.Ceiling((double)limit * g.Count() / shuffled.Length))).Order()];
        Console.WriteLine($"Training on {some.Length} of {split.Train.Count} images (--limit): not a model to ship.");
        return split with { Train = some };
    }

    private static IReadOnlyList<double>? PriorOf(string? text)
    {
        double[] equal = [.. Enumerable.Repeat(1.0 / LesionClasses.Count, LesionClasses.Count)];
        return text is null or ClassPrior.Natural ? null : ClassPrior.Parse(text, equal)
            ?? throw new UsageException($"--prior takes seven numbers above 0, for {string.Join(", ", LesionClasses.Codes)}, such as 1,1,1,1,1,10,1; or "
                + "natural or uniform.");
    }
}
