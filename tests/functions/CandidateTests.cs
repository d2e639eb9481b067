using System.Text.RegularExpressions;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Serving;
using Microsoft.Extensions.Logging.Abstractions;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Lentigo.Functions.Tests;

[Collection("one meter")]
public sealed class CandidateTests : IDisposable
{
    private static readonly ModelStore Store = new FolderModelStore(Path.GetDirectoryName(ShippedModels.Folder("lentigo-fast"))!);
    private static readonly PredictionOptions Warned = new() { AnswerUnsuitable = true };
    private static readonly ModelReference Fast = Shipped("lentigo-fast"), Phone = Shipped("lentigo-phone");
    private readonly CurrentModel current = new();
    private readonly ServingMetrics metrics = new();
    private readonly PrometheusText text = new();
    private readonly MeterProvider provider;

    public CandidateTests() => provider = Sdk.CreateMeterProviderBuilder().AddMeter(ServingMetrics.Name).AddReader(text.Reader).Build();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        provider.Dispose();
        current.Dispose();
        metrics.Dispose();
        text.Dispose();
    }

    [Fact]
    public async Task A_share_of_the_images_is_answered_by_the_candidate_and_an_image_always_by_the_same_version()
    {
        ServingOptions options = Options(Phone, share: 0.5);
        using CandidateModel candidate = await StartAsync(options);
        await EventuallyAsync(candidate, CandidateStatus.Ready);
        using Classification classification = Create(candidate, options);
        byte[][] files = [.. Enumerable.Range(0, 24).Select(ClassificationTests.Picture)];
        ModelReference[] first = await ModelsAsync(classification, files);
        Assert.Equal([Fast, Phone], first.Distinct().OrderBy(m => m.Name));
        Assert.Equal(first, await ModelsAsync(classification, files));
        Assert.Equal(Phone.Version, candidate.Status!.Version);
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.7)]
    public async Task The_shares_are_kept_and_what_the_candidate_answers_it_does_not_shadow(double share)
    {
        using CandidateModel candidate = await StartAsync(Options(Phone, share, shadow: 0.5));
        await EventuallyAsync(candidate, CandidateStatus.Ready);
        const int Images = 10_000;
        CandidatePart[] parts = [.. Enumerable.Range(0, Images).Select(i => candidate.PartOf(BitConverter.GetBytes(i)))];
        Assert.Equal(share, (double)parts.Count(p => p is CandidatePart.Answers) / Images, 0.02);
        Assert.Equal((1 - share) / 2, (double)parts.Count(p => p is CandidatePart.Shadows) / Images, 0.02);
    }

    [Fact]
    public async Task A_share_of_one_takes_all_and_one_of_nothing_takes_none()
    {
        using CandidateModel all = await StartAsync(Options(Phone, share: 1)), none = await StartAsync(Options(Phone));
        await EventuallyAsync(all, CandidateStatus.Ready);
        await EventuallyAsync(none, CandidateStatus.Ready);
        for (int i = 0; i < 1000; i++)
        {
            Assert.Equal(CandidatePart.Answers, all.PartOf(BitConverter.GetBytes(i)));
            Assert.Equal(CandidatePart.None, none.PartOf(BitConverter.GetBytes(i)));
        }
    }

    [Fact]
    public async Task Shadowed_images_are_answered_by_the_version_that_serves_and_the_agreement_is_counted()
    {
        ServingOptions options = Options(Phone, shadow: 1);
        using CandidateModel candidate = await StartAsync(options);
        await EventuallyAsync(candidate, CandidateStatus.Ready);
        using Classification classification = Create(candidate, options);
        byte[][] files = [.. Enumerable.Range(0, 6).Select(ClassificationTests.Picture)];
        Assert.All(await ModelsAsync(classification, files), m => Assert.Equal(Fast, m));
        await EventuallyAsync(() => classification.WaitingShadows == 0);

        string read = text.Read(), models = $"candidate=\"{Name(Phone)}\",";
        Assert.Contains($"lentigo_shadow_images_total{{{models}model=\"{Name(Fast)}\",outcome=\"compared\"}} 6\n", read, StringComparison.Ordinal);
        Assert.Contains($"lentigo_shadow_difference_count{{{models}model=\"{Name(Fast)}\"}} 6\n", read, StringComparison.Ordinal);
        Assert.Contains($"lentigo_candidate_info{{name=\"{Phone.Name}\",state=\"ready\",version=\"{Phone.Version}\"}} 1\n", read, StringComparison.Ordinal);

        // The same counted by hand.
        using EnsembleModel fast = Load(Fast.Name), phone = Load(Phone.Name);
        var both = files.Select(f => (One: fast.Classify(f, "1", new(), Warned), Other: phone.Classify(f, "1", new(), Warned))).ToArray();
        foreach ((string labels, int count) in both.GroupBy(b => Labels(b.One, b.Other)).Select(g => (g.Key, g.Count())))
        {
            Assert.Contains($"lentigo_shadow_agreement_total{{{models}{labels}}} {count}\n", read, StringComparison.Ordinal);
        }

        double sum = both.Sum(b => Math.Abs(b.One.Triage!.MalignantProbability - b.Other.Triage!.MalignantProbability));
        Match counted = Regex.Match(read, "lentigo_shadow_difference_sum{[^}]*} (\\S+)\n");
        Assert.Equal(sum, double.Parse(counted.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture), 1e-4);

        static string Labels(Prediction one, Prediction other) =>
            $"class=\"{Same(one.Label.Code, other.Label.Code)}\",model=\"{Name(Fast)}\",recommendation=\"{Same(one.Triage!.Recommendation, other.Triage!.Recommendation)}\"";

        static string Same(string one, string other) => one == other ? "same" : "different";
    }

    [Fact]
    public async Task Images_for_the_background_beyond_the_bound_are_left_out_and_counted()
    {
        ServingOptions options = Options(Phone, shadow: 1);
        using CandidateModel candidate = await StartAsync(options);
        await EventuallyAsync(candidate, CandidateStatus.Ready);
        using ClassificationQueue stalled = new(options, metrics, TimeProvider.System, threads: 0);
        using EnsembleModel model = Load(Fast.Name);
        byte[] file = ClassificationTests.Picture(1);
        Task<ClassifiedImage> waits = stalled.ClassifyAsync(model, file, null, Cancellation); // a caller's image, which goes first
        Prediction answer = model.Classify(file, "1", new(), Warned);
        using ShadowEvaluation shadow = new(candidate, stalled, new(long.MaxValue), options, metrics);
        for (int i = 0; i < ShadowEvaluation.MaxWaiting + 3; i++)
        {
            shadow.Begin(file, Warned, answer);
        }

        Assert.Equal(ShadowEvaluation.MaxWaiting, shadow.Waiting);
        Assert.Contains($"model=\"{Name(Fast)}\",outcome=\"busy\"}} 3\n", text.Read(), StringComparison.Ordinal);
        shadow.Dispose();
        stalled.Dispose();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waits);
    }

    [Fact]
    public async Task A_candidate_that_cannot_be_used_is_refused_with_the_reason_and_the_other_version_answers_everything()
    {
        ServingOptions options = Options(new("lentigo-fast", "absent"), share: 1, shadow: 1);
        using CandidateModel candidate = await StartAsync(options);
        await EventuallyAsync(candidate, CandidateStatus.Refused);
        Assert.Contains("absent", candidate.Status!.Reason, StringComparison.Ordinal);
        using Classification classification = Create(candidate, options);
        Assert.All(await ModelsAsync(classification, [ClassificationTests.Picture(1), ClassificationTests.Picture(2)]), m => Assert.Equal(Fast, m));
        Assert.Contains("lentigo_candidate_info{name=\"lentigo-fast\",state=\"refused\",version=\"absent\"} 1\n", text.Read(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_candidate_that_fails_on_an_image_leaves_it_to_the_version_that_serves()
    {
        ServingOptions options = Options(Phone, share: 1);
        using CandidateModel candidate = await StartAsync(options);
        await EventuallyAsync(candidate, CandidateStatus.Ready);
        using (ModelLease lease = candidate.Model.Acquire())
        {
            lease.Model.Dispose(); // from now on nothing can be run on it
        }

        using Classification classification = Create(candidate, options);
        Assert.Equal([Fast], await ModelsAsync(classification, [ClassificationTests.Picture(1)]));
        Assert.Contains($"lentigo_candidate_failures_total{{candidate=\"{Name(Phone)}\"}} 1\n", text.Read(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_candidate_that_has_become_the_version_that_serves_has_no_part_any_more()
    {
        using CandidateModel candidate = await StartAsync(Options(Fast, share: 1, shadow: 1));
        Assert.Equal(CandidateStatus.Serving, candidate.Status!.State);
        Assert.Equal(CandidatePart.None, candidate.PartOf([1]));
    }

    /// <summary>What there is where the settings name no candidate.</summary>
    internal static CandidateModel None(CurrentModel current, ServingMetrics metrics) =>
        new(current, Store, metrics, new(), TimeProvider.System, NullLoggerFactory.Instance);

    private static ServingOptions Options(ModelReference candidate, double share = 0, double shadow = 0) => new ServingOptions
    {
        Model = "lentigo-fast",
        Candidate = Name(candidate),
        CandidateShare = share,
        CandidateShadow = shadow,
        Device = InferenceDevice.Cpu,
    }.Checked();

    private static string Name(ModelReference model) => $"{model.Name}/{model.Version}";

    private static ModelReference Shipped(string name)
    {
        ModelManifest manifest = ModelPackage.Open(ShippedModels.Folder(name)).Manifest;
        return new(manifest.Name, manifest.Version);
    }

    private static EnsembleModel Load(string name) => EnsembleModel.Load(ModelPackage.Open(ShippedModels.Folder(name)), new() { Device = InferenceDevice.Cpu });

    private static async Task<ModelReference[]> ModelsAsync(Classification classification, byte[][] files) =>
        [.. (await Task.WhenAll(files.Select(f => classification.ClassifyAsync(f, "1", Warned, ServingMetrics.ByHttp, Cancellation)))).Select(p => p.Model)];

    private static Task EventuallyAsync(CandidateModel candidate, string state) => EventuallyAsync(() => candidate.Status!.State == state);

    private static async Task EventuallyAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(20, Cancellation);
        }
    }

    private async Task<CandidateModel> StartAsync(ServingOptions options)
    {
        if (current.Manifest is null)
        {
            current.Replace(Load("lentigo-fast"));
        }

        CandidateModel candidate = new(current, Store, metrics, options, TimeProvider.System, NullLoggerFactory.Instance);
        await candidate.StartAsync(Cancellation);
        return candidate;
    }

    private Classification Create(CandidateModel candidate, ServingOptions options) =>
        new(current, candidate, options, new(long.MaxValue), metrics, TimeProvider.System, threads: 2);
}
