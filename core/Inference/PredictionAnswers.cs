using System.Collections.Concurrent;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Imaging;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;

namespace Lentigo.Core.Inference;

/// <summary>Turns the outputs of a package's graph into answers, using the package's other files. Thread-safe.</summary>
internal sealed class PredictionAnswers
{
    /// <summary>The maximum number of cached rules; limited because callers choose priors and operating points freely.</summary>
    private const int MostRules = 100;

    private readonly ModelManifest _manifest;
    private readonly ValidationAnswers? _validation;
    private readonly SimilarCases? _cases;
    private readonly ConcurrentDictionary<DecisionRequest, DecisionRule?> _rules = [];

    /// <summary>Reads the package's files.</summary>
    /// <exception cref="ModelPackageException">A file is damaged.</exception>
    public PredictionAnswers(ModelPackage package)
    {
        _manifest = package.Manifest;
        _validation = ValidationAnswers.Read(package);
        _cases = SimilarCases.Read(package);
        RuleFor(new());
    }

    /// <summary>Creates the answer for one image of a batch.</summary>
    /// <param name="output">The outputs of the graph for the batch.</param>
    /// <param name="index">The index of the image in the batch.</param>
    /// <param name="image">The image.</param>
    /// <param name="id">Identifies the answer.</param>
    /// <param name="options">The options of the caller.</param>
    /// <param name="explained">The class that the heatmaps explain, 0 to 6; null for the most probable one.</param>
    /// <exception cref="ImageRejectedException">The image is not a dermoscopy image.</exception>
    /// <exception cref="PredictionOptionsException">The package does not support the options.</exception>
    public Prediction Of(EnsembleOutput output, int index, DecodedImage image, string id, PredictionOptions options, int? explained)
    {
        SuitabilityScore? suitability = _manifest.Suitability is { } limits && output.Suitability(index) is { } score
            ? new(score, limits.WarnBelow, limits.RefuseBelow) : null;
        if (suitability is { } s && s.Score < s.RefuseBelow && !options.AnswerUnsuitable)
        {
            throw ImageRejectedException.NotDermoscopy();
        }

        DecisionRule? rule = RuleFor(options.Decision);
        IReadOnlyList<double>? prior = PriorFor(options.Decision);
        double[] Weighed(double[] probabilities) => prior is null ? probabilities : ClassPrior.Reweigh(probabilities, _manifest.Prior!, prior);
        double[] probabilities = Weighed([.. output.Probabilities(index)]);
        MemberPrediction[] members = [
            .. _manifest.Members.Select((m, k) =>
            new MemberPrediction(m.Name, Prediction.Rank(Weighed(EnsembleOutput.Softmax(output.MemberLogits(index, k), _manifest.Temperature)))))];
        PredictionWarning[] ofImage = [.. PredictionWarning.OfImage(suitability, ImageQuality.Measure(image), _manifest.Quality)];
        IReadOnlyList<ClassProbability> ranked = Prediction.Rank(probabilities);
        return new()
        {
            Id = id,
            Triage = rule?.TriageOf(probabilities, ofImage.Length > 0),
            Label = ranked[0],
            Probabilities = ranked,
            Set = rule is null ? null : new(rule.Coverage, rule.SetOf(probabilities)),
            Warnings = [.. ofImage, .. PredictionWarning.OfMembers(members),
                .. rule is null ? [PredictionWarning.Undecided(_manifest)] : Array.Empty<PredictionWarning>()],
            Suitability = suitability,
            Members = members,
            Explanation = output.Heatmaps(index) is { } maps
                ? HeatmapPicture.Explain(maps, _manifest, image,
                explained is { } c ? LesionClasses.Codes[c] : Prediction.Rank([.. output.Probabilities(index)])[0].Code) : null,
            Similar = options.Similar > 0 && output.Features(index) is { } features ? _cases?.Nearest(features, options.Similar) : null,
            Prior = prior is null ? null : LesionClasses.Codes.Zip(prior).ToDictionary(p => p.First, p => p.Second),
            Model = new(_manifest.Name, _manifest.Version),
        };
    }

    /// <summary>[7]: the class prior of the answers; null if the package has none.</summary>
    private IReadOnlyList<double>? PriorFor(DecisionRequest request) => _manifest.Prior is { } natural
        ? ClassPrior.Parse(request.Prior, natural)
            ?? throw new PredictionOptionsException("prior",
                $"natural, uniform or seven numbers above 0, for {string.Join(", ", LesionClasses.Codes)}, such as 1,1,1,1,1,10,1")
        : request.Prior == ClassPrior.Natural ? null
            : throw new PredictionOptionsException("prior",
            $"left out: the model {_manifest.Name} {_manifest.Version} does not specify the prior of its probabilities");

    private DecisionRule? RuleFor(DecisionRequest request)
    {
        if (_validation is null || PriorFor(request) is not { } prior)
        {
            return null;
        }

        if (_rules.TryGetValue(request, out DecisionRule? known))
        {
            return known;
        }

        if (_rules.Count >= MostRules)
        {
            _rules.Clear();
        }

        return _rules[request] = DecisionRule.Fit(_validation, _manifest.Prior!, prior, request.Sensitivity, request.Coverage);
    }
}
