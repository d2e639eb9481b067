using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;
using Lentigo.Training.Tests.Commands;

namespace Lentigo.Training.Tests.Trainers;

public sealed class TeacherTests(TeacherTests.TrainedTeacher teacher) : IClassFixture<TeacherTests.TrainedTeacher>
{
    private readonly TemporaryFolder _folder = teacher.Folder;

    [Fact]
    public async Task A_student_that_learns_only_from_its_teacher_comes_to_answer_as_it_does_and_not_as_the_labels_say()
    {
        (int exitCode, _, string error) = await TrainAsync("student", "--size", "32", "--epochs", "8", "--teacher", _folder["teacher"], "--distill", "1");
        Assert.True(exitCode == 0, error);
        (exitCode, _, error) = await TrainAsync("alone", "--size", "32", "--epochs", "8");
        Assert.True(exitCode == 0, error);

        ModelManifest manifest = ModelPackage.Open(_folder["student"]).Manifest;
        ModelManifest taughtBy = ModelPackage.Open(_folder["teacher"]).Manifest;
        Assert.Equal((1.0, $"{taughtBy.Name} {taughtBy.Version}"),
            (manifest.Recipe!.Value.GetProperty("distillation").GetDouble(), manifest.Recipe.Value.GetProperty("teacher").GetString()));
        double[][] taught = Answers("teacher");
        double student = Difference(taught, Answers("student")), alone = Difference(taught, Answers("alone"));
        Assert.True(student < alone / 2, $"The student's answers are {student:f3} from the teacher's, those of one without a teacher {alone:f3}.");
    }

    [Fact]
    public void The_teachers_answers_are_for_the_classes_as_training_draws_them()
    {
        using EnsembleModel model = EnsembleModel.Load(ModelPackage.Open(_folder["teacher"]), new() { Device = InferenceDevice.Cpu });
        using LesionDataSet data = Open(40);
        double[] trained = [0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1];
        double[] expected = ClassPrior.Reweigh(EnsembleAnswers.Compute(model, data, [3]).Probabilities[0], model.Manifest.Prior!, trained);
        Assert.All(expected.Zip(TeacherEnsemble.Classify(model, [data]).Answer(data.Records[3].Id, trained)), p => Assert.Equal(p.First, p.Second, 5));
    }

    [Fact]
    public async Task A_teacher_of_another_split_is_refused_and_a_share_without_a_teacher_is_bad_usage()
    {
        var other = await TrainAsync("other", "--size", "32", "--epochs", "1", "--fold", "2/5", "--teacher", _folder["teacher"]);
        Assert.Equal((1, true), (other.ExitCode,
            other.Error.Contains("was trained on another split, so that it may know the validation images", StringComparison.Ordinal)));
        var nobody = await TrainAsync("nobodys", "--size", "32", "--epochs", "1", "--distill", "0.5");
        Assert.Equal((2, true), (nobody.ExitCode, nobody.Error.Contains("Name its package with --teacher", StringComparison.Ordinal)));
    }

    private double[][] Answers(string run)
    {
        using EnsembleModel model = EnsembleModel.Load(ModelPackage.Open(_folder[run]), new() { Device = InferenceDevice.Cpu });
        using LesionDataSet data = Open(model.Manifest.Input.Size);
        EnsembleAnswers answers = EnsembleAnswers.Compute(model, data, [.. Enumerable.Range(0, data.Count)]);
        return [.. answers.Logits.Select(row => EnsembleOutput.Softmax(row, 1))]; // the temperature was fitted to the labels
    }

    private LesionDataSet Open(int size) =>
        DataSets.Open(_folder["data"], size, skipMissing: false, _ => { }, cancellationToken: TestContext.Current.CancellationToken);

    private static double Difference(double[][] a, double[][] b) => a.Zip(b).Average(p => p.First.Zip(p.Second).Sum(q => Math.Abs(q.First - q.Second)) / 2);

    private Task<(int ExitCode, string Output, string Error)> TrainAsync(string run, params string[] more) => teacher.TrainAsync(run, more);

    /// <summary>A teacher that knows nothing: five steps from random weights. Its answers are what a student shall copy, at another input size.</summary>
    public sealed class TrainedTeacher : IAsyncLifetime
    {
        internal TemporaryFolder Folder { get; } = new();

        public async ValueTask InitializeAsync()
        {
            SyntheticLesions.WriteHam10000(Folder["data"], perClass: 6, size: 48);
            (int exitCode, _, string error) = await TrainAsync("teacher", "--size", "40", "--epochs", "1");
            Assert.True(exitCode == 0, error);
        }

        public ValueTask DisposeAsync()
        {
            Folder.Dispose();
            return ValueTask.CompletedTask;
        }

        internal async Task<(int ExitCode, string Output, string Error)> TrainAsync(string run, params string[] more) => await LentigoConsole.RunAsync(
            ["train", "--data", Folder["data"], "--out", Folder[run], "--members", "resnet18", "--recipe", "strong", "--flips", "none", "--batch", "7",
                "--no-cache", "--threads", "1", .. more]);
    }
}
