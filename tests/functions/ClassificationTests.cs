using Lentigo.Core.Imaging;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Serving;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.PixelFormats;

namespace Lentigo.Functions.Tests;

[Collection("one meter")] // all meters of the process are read by its name
public sealed class ClassificationTests : IDisposable
{
    private static readonly PredictionOptions Warned = new() { AnswerUnsuitable = true }; // drawn images are no dermoscopy images
    private readonly CurrentModel current = new();
    private readonly ServingMetrics metrics = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        current.Dispose();
        metrics.Dispose();
    }

    [Fact]
    public async Task Images_classified_together_are_answered_as_each_alone()
    {
        Load();
        using Classification classification = Create();
        byte[][] files = [.. Enumerable.Range(0, 12).Select(Picture)];
        List<Prediction> alone = [];
        foreach (byte[] file in files)
        {
            alone.Add(await classification.ClassifyAsync(file, "alone", Warned, ServingMetrics.ByHttp, Cancellation));
        }

        long batches = classification.Batches;
        Assert.Equal(files.Length, batches); // one caller waits for nobody
        Prediction[] together = await Task.WhenAll(files.Select((f, i) => classification.ClassifyAsync(f, $"{i}", i == 5 ? Warned with { Explain = "mel" } : Warned, ServingMetrics.ByHttp, Cancellation)));
        Assert.InRange(classification.Batches - batches, 2, files.Length - 1);
        foreach ((int i, Prediction one) in together.Index())
        {
            Assert.Equal($"{i}", one.Id);
            Assert.Equal(i == 5, one.Explanation is not null);
            foreach ((ClassProbability expected, ClassProbability given) in alone[i].Probabilities.OrderBy(p => p.Code).Zip(one.Probabilities.OrderBy(p => p.Code)))
            {
                Assert.Equal(expected.Probability, given.Probability, 1e-5);
            }
        }
    }

    [Fact]
    public async Task A_file_that_cannot_be_decoded_spoils_nothing_and_has_its_problem_in_its_place()
    {
        Load();
        using Classification classification = Create();
        byte[] good = Picture(1);
        ImageBody[] images = [Body(good), Body("no image"u8.ToArray()), new(null, ImageRejectedException.Empty(), 0), Body(good[..^200]), Body(good)];
        IReadOnlyList<PredictionOrProblem> answers = await classification.ClassifyUnlessOverloadedAsync(images, "call", Warned, Cancellation);
        Assert.Equal([null, 415, 400, 422, null], answers.Select(a => a.Problem?.Status));
        Assert.Equal(["call-1", null, null, null, "call-5"], answers.Select(a => a.Prediction?.Id));
        Assert.Equal(answers[0].Prediction!.Probabilities, answers[4].Prediction!.Probabilities, (a, b) => a.Code == b.Code && Math.Abs(a.Probability - b.Probability) < 1e-5);
    }

    [Fact]
    public async Task Beyond_the_bound_callers_are_refused_and_taken_again_when_others_are_done()
    {
        Load();
        using Classification classification = Create(new() { MaxPendingImages = 3, MaxImagesPerRequest = 3 });
        byte[] file = Picture(1);
        ImageBody[] two = [Body(file), Body(file)];
        Task<IReadOnlyList<PredictionOrProblem>> first = classification.ClassifyUnlessOverloadedAsync(two, "1", Warned, Cancellation);
        ProblemException refused = await Assert.ThrowsAsync<ProblemException>(() => classification.ClassifyUnlessOverloadedAsync(two, "2", Warned, Cancellation));
        Assert.Equal(503, refused.Problem.Status);
        Assert.Equal(2, (await first).Count);
        Assert.Equal(2, (await classification.ClassifyUnlessOverloadedAsync(two, "3", Warned, Cancellation)).Count);
    }

    [Fact]
    public async Task What_a_model_cannot_give_fails_the_whole_call_and_leaves_no_place_taken()
    {
        Load();
        using Classification classification = Create(new() { MaxPendingImages = 2, MaxImagesPerRequest = 2 });
        ImageBody[] two = [Body(Picture(1)), Body(Picture(2))];
        for (int i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<PredictionOptionsException>(() => classification.ClassifyUnlessOverloadedAsync(two, "1", Warned with { Explain = "no class" }, Cancellation));
            await Assert.ThrowsAsync<PredictionOptionsException>(() => classification.ClassifyUnlessOverloadedAsync(two, "1", Warned with { Decision = new("1,2,3") }, Cancellation));
        }
    }

    [Fact]
    public async Task A_caller_who_leaves_while_waiting_is_cancelled_at_once_and_others_are_answered()
    {
        Load();
        using Classification classification = Create(threads: 1);
        using CancellationTokenSource leave = new();
        byte[] file = Picture(1);
        Task<Prediction>[] stay = [.. Enumerable.Range(0, 4).Select(i => classification.ClassifyAsync(file, $"{i}", Warned, ServingMetrics.ByHttp, Cancellation))];
        Task<Prediction>[] left = [.. Enumerable.Range(0, 4).Select(i => classification.ClassifyAsync(file, $"{i}", Warned, ServingMetrics.ByHttp, leave.Token))];
        await leave.CancelAsync();
        foreach (Task<Prediction> one in left)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one);
        }

        Assert.Equal(4, (await Task.WhenAll(stay)).Length);
        Assert.NotNull(await classification.ClassifyAsync(file, "after", Warned, ServingMetrics.ByHttp, Cancellation));
    }

    [Fact]
    public async Task A_model_that_is_replaced_answers_what_it_was_asked()
    {
        Load();
        using Classification classification = Create(threads: 1);
        byte[] file = Picture(1);
        Task<Prediction>[] before = [.. Enumerable.Range(0, 6).Select(i => classification.ClassifyAsync(file, $"{i}", Warned, ServingMetrics.ByHttp, Cancellation))];
        Load();
        Task<Prediction>[] after = [.. Enumerable.Range(0, 6).Select(i => classification.ClassifyAsync(file, $"{i}", Warned, ServingMetrics.ByHttp, Cancellation))];
        Assert.Equal(12, (await Task.WhenAll([.. before, .. after])).Length);
    }

    [Fact]
    public async Task Stopping_cancels_what_waits()
    {
        Load();
        Classification classification = Create(threads: 1);
        byte[] file = Picture(1);
        Task<Prediction>[] asked = [.. Enumerable.Range(0, 20).Select(i => classification.ClassifyAsync(file, $"{i}", Warned, ServingMetrics.ByHttp, Cancellation))];
        classification.Dispose();
        int cancelled = 0;
        foreach (Task<Prediction> one in asked)
        {
            try
            {
                await one;
            }
            catch (OperationCanceledException)
            {
                cancelled++;
            }
        }

        Assert.InRange(cancelled, 1, 20);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => classification.ClassifyAsync(Picture(1), "late", Warned, ServingMetrics.ByHttp, Cancellation));
    }

    private static ImageBody Body(byte[] file) => new(file, null, file.Length);

    internal static byte[] Picture(int seed)
    {
        Random random = new(seed);
        using Image<Rgb24> image = new(160, 120);
        (int x0, int y0) = (random.Next(40, 120), random.Next(30, 90));
        for (int y = 0; y < image.Height; y++)
        {
            for (int x = 0; x < image.Width; x++)
            {
                byte dark = (byte)(Math.Abs(x - x0) + Math.Abs(y - y0) < 20 + seed ? 90 : 0);
                image[x, y] = new((byte)(220 - dark + random.Next(9)), (byte)(180 - dark), (byte)(160 - dark));
            }
        }

        using MemoryStream file = new();
        image.Save(file, new PngEncoder());
        return file.ToArray();
    }

    private Classification Create(ServingOptions? options = null, int? threads = null) =>
        new(current, CandidateTests.None(current, metrics), options ?? new(), new(long.MaxValue), metrics, TimeProvider.System, threads);

    private void Load() => current.Replace(EnsembleModel.Load(ModelPackage.Open(ShippedModels.Folder("lentigo-fast")), new() { Device = InferenceDevice.Cpu }));
}
