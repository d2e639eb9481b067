using System.Buffers;
using Lentigo.Core.Imaging;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Microsoft.ML.OnnxRuntime;

namespace Lentigo.Core.Inference;

/// <summary>The ensemble of a model package, loaded in ONNX Runtime. Thread-safe.</summary>
public sealed class EnsembleModel : IDisposable
{
    private const string Features = "features", StageStatistics = "stage_statistics", Suitability = "suitability", Heatmaps = "heatmaps",
        ExplainInput = "explain";

    /// <summary>The value of the input 'explain' that selects each image's most probable class.</summary>
    private const long MostProbable = -2;
    private static readonly string[] OutputNames = ["member_logits", "logits", "probabilities"];
    private readonly string[] _outputNames;
    private readonly InferenceSession _session;
    private readonly RunOptions _runOptions = new();
    private readonly PredictionAnswers _answers;
    private bool _isDisposed;

    private EnsembleModel(ModelPackage package, InferenceSession session, InferenceDevice device, string? warning)
    {
        Manifest = package.Manifest;
        _answers = new(package);
        _session = session;
        Device = device;
        Warning = warning;
        _outputNames = [.. OutputNames, .. new[] { Features, StageStatistics, Suitability }.Where(session.OutputMetadata.ContainsKey)];
        CanExplain = session.OutputMetadata.ContainsKey(Heatmaps) && session.OverridableInitializerMetadata.ContainsKey(ExplainInput);
    }

    /// <summary>The package's manifest.</summary>
    public ModelManifest Manifest { get; }

    /// <summary>The device that runs the graph: <see cref="InferenceDevice.Cpu"/> or <see cref="InferenceDevice.Cuda"/>.</summary>
    public InferenceDevice Device { get; }

    /// <summary>Why <see cref="InferenceDevice.Auto"/> fell back to the CPU in a GPU build; null otherwise.</summary>
    public string? Warning { get; }

    /// <summary>The number of threads within one run on the CPU.</summary>
    public int Threads { get; private init; }

    /// <summary>Whether the graph can explain its predictions.</summary>
    public bool CanExplain { get; }

    /// <summary>Loads a package's graph.</summary>
    /// <exception cref="ModelPackageException">The graph is not an ensemble of this product, or the device that the options require is unavailable.</exception>
    public static EnsembleModel Load(ModelPackage package, InferenceOptions options)
    {
        ArgumentNullException.ThrowIfNull(package);
        string? warning = null;
        if (options.Device is not InferenceDevice.Cpu)
        {
            try
            {
                using SessionOptions cuda = SessionOptionsFor(options);
                cuda.AppendExecutionProvider_CUDA();
                return Open(package, cuda, InferenceDevice.Cuda, warning: null);
            }
            catch (Exception e) when (e is OnnxRuntimeException or EntryPointNotFoundException or DllNotFoundException)
            {
                bool hasCuda = e is OnnxRuntimeException;
                string reason = hasCuda ? e.Message.ReplaceLineEndings(" ") : "this build of ONNX Runtime has no CUDA.";
                if (options.Device is InferenceDevice.Cuda)
                {
                    throw new ModelPackageException(
                        $"The device 'cuda' was requested, but ONNX Runtime cannot use it: {reason} Use a build with -p:Accelerator=Cuda on a machine with an "
                            + "NVIDIA GPU and the CUDA and cuDNN that the package Microsoft.ML.OnnxRuntime.Gpu needs, or set the device to 'auto'.", e);
                }

                warning = hasCuda ? $"No usable GPU, falling back to the CPU: {reason}" : null; // a CPU build does not expect a GPU
            }
        }

        using SessionOptions cpu = SessionOptionsFor(options);
        return Open(package, cpu, InferenceDevice.Cpu, warning);
    }

    /// <summary>Classifies an image file.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="id">Identifies the answer.</param>
    /// <param name="limits">Limits on the file and image size.</param>
    /// <param name="options">The options of the caller; null for the defaults.</param>
    /// <exception cref="ImageRejectedException">The file cannot be classified; the message says why.</exception>
    /// <exception cref="PredictionOptionsException">The model does not support what the options ask for.</exception>
    public Prediction Classify(byte[] file, string id, ImageLimits limits, PredictionOptions? options = null)
    {
        options ??= new();
        CheckExplain(options.Explain);
        DecodedImage image = Decode(file, limits);
        return AnswerOf(Classify([image], options.Explain), 0, image, id, options);
    }

    /// <summary>
    /// The first step of <see cref="Classify(byte[], string, ImageLimits, PredictionOptions?)"/>, for callers that classify files in batches: decodes a file to
    /// the graph's input size.
    /// </summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="limits">Limits on the file and image size.</param>
    /// <param name="cancellationToken">Cancels decoding; checked between strips of rows.</param>
    /// <exception cref="ImageRejectedException">The file cannot be classified; the message says why.</exception>
    public DecodedImage Decode(byte[] file, ImageLimits limits, CancellationToken cancellationToken = default) =>
        LesionImage.Read(file, Manifest.Input.Size, limits, cancellationToken);

    /// <summary>The second step: classifies images in one batch.</summary>
    /// <param name="images">n images, as returned by <see cref="Decode"/>.</param>
    /// <param name="explain">The <see cref="PredictionOptions.Explain"/> of all images; ignored if the model cannot explain.</param>
    /// <param name="cancellationToken">Cancels the run.</param>
    /// <exception cref="PredictionOptionsException"><paramref name="explain"/> is not a class.</exception>
    public EnsembleOutput Classify(IReadOnlyList<DecodedImage> images, string? explain = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        CheckExplain(explain);
        long? explained = explain is null || !CanExplain ? null : explain == PredictionOptions.MostProbable ? MostProbable : LesionClasses.IndexOf(explain);
        if (images.Count == 1)
        {
            return Run(images[0].Pixels, 1, explained, cancellationToken);
        }

        int imageBytes = Manifest.Input.Size * Manifest.Input.Size * 3;
        byte[] pixels = ArrayPool<byte>.Shared.Rent(images.Count * imageBytes);
        try
        {
            for (int i = 0; i < images.Count; i++)
            {
                images[i].Pixels.AsSpan(0, imageBytes).CopyTo(pixels.AsSpan(i * imageBytes));
            }

            return Run(pixels.AsMemory(0, images.Count * imageBytes), images.Count, explained, cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(pixels);
        }
    }

    /// <summary>The last step: creates the answer for one image of a batch. Inexpensive unless the options ask for an explanation.</summary>
    /// <param name="output">The outputs of the graph for the batch.</param>
    /// <param name="index">The index of the image in the batch.</param>
    /// <param name="image">The image.</param>
    /// <param name="id">Identifies the answer.</param>
    /// <param name="options">The options of the caller.</param>
    /// <exception cref="ImageRejectedException">The image is not a dermoscopy image.</exception>
    /// <exception cref="PredictionOptionsException">The model does not support what the options ask for.</exception>
    public Prediction AnswerOf(EnsembleOutput output, int index, DecodedImage image, string id, PredictionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return _answers.Of(output, index, image, id, options,
            options.Explain is null or PredictionOptions.MostProbable ? null : LesionClasses.IndexOf(options.Explain));
    }

    /// <summary>Checks a <see cref="PredictionOptions.Explain"/> before any work is done.</summary>
    /// <exception cref="PredictionOptionsException">It is not a class.</exception>
    public static void CheckExplain(string? explain)
    {
        if (explain is not (null or PredictionOptions.MostProbable) && LesionClasses.IndexOf(explain) < 0)
        {
            throw new PredictionOptionsException("explain", $"true, for the most probable class, or one of {string.Join(", ", LesionClasses.Codes)}");
        }
    }

    /// <summary>Classifies a batch.</summary>
    /// <param name="pixels">uint8 [n, s, s, 3] RGB, as returned by <see cref="Imaging.LesionImage.Decode"/>.</param>
    /// <param name="count">The number of images, n.</param>
    public EnsembleOutput Classify(byte[] pixels, int count) => Run(pixels, count, explain: null, CancellationToken.None);

    /// <summary>Classifies a batch and computes, in the same run, heatmaps of where in each image the members saw a class.</summary>
    /// <param name="pixels">uint8 [n, s, s, 3] RGB.</param>
    /// <param name="classIndex">The class, 0 to 6; null for the most probable class of each image.</param>
    /// <param name="count">The number of images, n.</param>
    /// <returns>The outputs, including <see cref="EnsembleOutput.Heatmaps"/>.</returns>
    /// <exception cref="InvalidOperationException">The graph cannot explain; see <see cref="CanExplain"/>.</exception>
    public EnsembleOutput Explain(byte[] pixels, int? classIndex, int count = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(classIndex ?? 0, nameof(classIndex));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(classIndex ?? 0, LesionClasses.Count, nameof(classIndex));
        return CanExplain
            ? Run(pixels, count, classIndex ?? MostProbable, CancellationToken.None)
            : throw new InvalidOperationException($"The model {Manifest.Name} {Manifest.Version} was packaged without explanations. Package it again with this "
                + "version of the trainer.");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isDisposed = true;
        _runOptions.Dispose();
        _session.Dispose();
    }

    private EnsembleOutput Run(Memory<byte> pixels, int count, long? explain, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ObjectDisposedException.ThrowIf(_isDisposed, this); // otherwise ONNX Runtime would crash the process
        int size = Manifest.Input.Size;
        if (pixels.Length != (long)count * size * size * 3)
        {
            throw new ArgumentException($"{count} images of {size} x {size} x 3 need {(long)count * size * size * 3} bytes, not {pixels.Length}.",
                nameof(pixels));
        }

        string[] asked = explain is null ? _outputNames : [.. _outputNames, Heatmaps];
        using OrtValue image = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, pixels, [count, size, size, 3]);
        using OrtValue? explained = explain is { } which ? OrtValue.CreateTensorValueFromMemory(new[] { which }, [1]) : null;
        using RunOptions? cancellable = cancellationToken.CanBeCanceled ? new() : null;
        using IDisposableReadOnlyCollection<OrtValue> outputs = RunGraph(cancellable);
        long[]? maps = explain is null ? null : outputs[^1].GetTensorTypeAndShape().Shape;
        return new(
            count,
            Manifest.Members.Count,
            Values("member_logits")!,
            Values("logits")!,
            Values("probabilities")!,
            Values(Features),
            Values(StageStatistics),
            Values(Suitability),
            Values(Heatmaps),
            maps is null ? default : ((int)maps[2], (int)maps[3]));

        IDisposableReadOnlyCollection<OrtValue> RunGraph(RunOptions? cancellable)
        {
            using CancellationTokenRegistration cancelled = cancellationToken.UnsafeRegister(run => ((RunOptions)run!).Terminate = true, cancellable);
            try
            {
                return explained is null
                    ? _session.Run(cancellable ?? _runOptions, ["image"], [image], asked)
                    : _session.Run(cancellable ?? _runOptions, ["image", ExplainInput], [image, explained], asked);
            }
            catch (OnnxRuntimeException e) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(e.Message, e, cancellationToken);
            }
        }

        float[]? Values(string name) => Array.IndexOf(asked, name) is >= 0 and int i ? outputs[i].GetTensorDataAsSpan<float>().ToArray() : null;
    }

    private static SessionOptions SessionOptionsFor(InferenceOptions options)
    {
        // At each load, ONNX Runtime warns that the default of 'explain' can be overridden, which is intended.
        SessionOptions session = new() { GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        // ONNX Runtime counts the machine's cores; .NET counts those that the container may use.
        session.IntraOpNumThreads = options.Threads > 0 ? options.Threads : Environment.ProcessorCount;
        // Idle threads must not spin and take CPU time from threads that decode images.
        session.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        return session;
    }

    private static EnsembleModel Open(ModelPackage package, SessionOptions options, InferenceDevice device, string? warning)
    {
        InferenceSession session;
        try
        {
            session = new(package.OnnxPath, options);
        }
        catch (OnnxRuntimeException e) when (device is InferenceDevice.Cpu)
        {
            throw new ModelPackageException($"ONNX Runtime cannot load {package.OnnxPath}: {e.Message} Publish a package written by this product's trainer.",
                e);
        }

        ModelManifest manifest = package.Manifest;
        string? fault = Fault(session, manifest);
        if (fault is not null)
        {
            session.Dispose();
            throw new ModelPackageException($"{package.OnnxPath} does not match its manifest: {fault}. Publish a package written by this product's trainer.");
        }

        EnsembleModel model;
        try
        {
            model = new(package, session, device, warning) { Threads = options.IntraOpNumThreads };
        }
        catch (ModelPackageException)
        {
            session.Dispose();
            throw;
        }

        try
        {
            // Warm up: the first run allocates memory and, on a GPU, compiles kernels. This also ensures that a graph that loads but cannot run never goes into
            // service.
            EnsembleOutput first = model.Classify(new byte[manifest.Input.Size * manifest.Input.Size * 3], 1);
            string? broken = first.Probabilities(0).ContainsAnyExceptInRange(0f, 1f) || first.Logits(0).Contains(float.NaN)
                ? "returns values that are not probabilities: its weights or its graph are corrupt"
                : TemperatureDiffers(first, manifest) ? $"does not use the temperature of its manifest, {manifest.Temperature}" : null;
            if (broken is not null)
            {
                model.Dispose();
                throw new ModelPackageException($"{package.OnnxPath} {broken}. Publish another version.");
            }
        }
        catch (OnnxRuntimeException e)
        {
            model.Dispose();
            if (device is InferenceDevice.Cuda)
            {
                throw;
            }

            throw new ModelPackageException($"ONNX Runtime cannot run {package.OnnxPath}: {e.Message}", e);
        }

        return model;
    }

    /// <summary>Whether the graph's probabilities differ from the softmax of its logits divided by the manifest's temperature.</summary>
    private static bool TemperatureDiffers(EnsembleOutput output, ModelManifest manifest)
    {
        const double tolerance = 1e-3; // above float16 rounding errors, below the effect of a wrong temperature
        double[] expected = EnsembleOutput.Softmax(output.Logits(0), manifest.Temperature);
        return Enumerable.Range(0, expected.Length).Any(c => Math.Abs(expected[c] - output.Probabilities(0)[c]) > tolerance);
    }

    private static string? Fault(InferenceSession session, ModelManifest manifest)
    {
        int size = manifest.Input.Size;
        if (!session.InputMetadata.TryGetValue("image", out NodeMetadata? image) || image.ElementType != typeof(byte)
            || image.Dimensions.Length != 4 || image.Dimensions[1] != size || image.Dimensions[2] != size || image.Dimensions[3] != 3)
        {
            return $"it has no input 'image' of uint8 [n, {size}, {size}, 3]";
        }

        if (OutputNames.FirstOrDefault(o => !session.OutputMetadata.ContainsKey(o)) is { } missing)
        {
            return $"it has no output '{missing}'";
        }

        int[] members = session.OutputMetadata["member_logits"].Dimensions;
        return members.Length == 3 && members[1] == manifest.Members.Count && members[2] == LesionClasses.Count
            ? null
            : $"its output 'member_logits' is not [n, {manifest.Members.Count}, {LesionClasses.Count}]";
    }
}
