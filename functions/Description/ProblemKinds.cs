using Lentigo.Core.Imaging;
using Lentigo.Functions.Contracts;

namespace Lentigo.Functions.Description;

/// <summary>All kinds of problems. Their <c>type</c>s are stable.</summary>
internal static class ProblemKinds
{
    private const string Prefix = "urn:lentigo:problem:";

    /// <summary>An example of each kind, and when it occurs.</summary>
    public static IReadOnlyList<(Problem Example, string When)> All { get; } =
    [
        (Problem.NoImage(), "The body is empty, or a form has no field `image`."),
        (Problem.MalformedRequest("its body ended early."), "The body does not match its Content-Type, or it ended early."),
        (Problem.InvalidParameter("sensitivity", "a number from 0.5 to 0.999"), "A query or path parameter has an invalid value. `detail` says what is allowed."),
        (Problem.NoDiagnosis(), "The body of the feedback names none of the seven classes."),
        (Problem.UnknownRoute(), "There is nothing at this URL."),
        (Problem.NotFound("result of this name"), "The requested resource does not exist, or does not exist yet."),
        (Problem.ResultPending(), "The image was dropped but has no result yet. Wait for the time given in Retry-After and ask again."),
        (Problem.UnknownModel(["lentigo"]), "The requested model is not available here."),
        (Problem.MetricsOff(), "The setting that enables the metrics is off."),
        (Problem.TooManyRequests(), "The caller has made as many requests as the settings allow. Wait for the time given in Retry-After."),
        (Problem.MethodNotAllowed("POST"), "The URL exists but does not support the method. The header `Allow` lists the methods that it supports."),
        (Problem.NotAcceptable(["application/json"]), "The header Accept allows none of the media types that the operation returns."),
        (Problem.TooSlow(), "The body arrived too slowly. Send a smaller one."),
        (Problem.FeedbackExists(), "The answer already has a confirmed diagnosis, which is kept."),
        (Problem.Rejected(ImageRejectedException.TooLarge(new ImageLimits().MaxBytes)), "One image is larger than the service accepts."),
        (Problem.RequestTooLarge(100_000_000), "The images of the request together are larger than the service accepts. Split the request."),
        (Problem.TooManyImages(32), "The request contains more images than the service accepts at once. Split the request."),
        (Problem.Rejected(ImageRejectedException.Unsupported("GIF89a"u8)), "The content is not a readable JPEG, PNG, WebP, TIFF or DICOM file. `detail` names the format that was found. File names and content types are ignored."),
        (Problem.Rejected(ImageRejectedException.Unreadable(ImageFileFormat.Jpeg)), "The file is damaged or truncated. Do not send the same file again."),
        (Problem.Rejected(ImageRejectedException.TooManyPixels(60_000, 60_000, new ImageLimits().MaxPixels)), "The image has more pixels than the service accepts. Scale it down."),
        (Problem.Rejected(ImageRejectedException.NotDermoscopy()), "The image is not a dermoscopy image. Take another one; `suitability=warn` requests an answer anyway."),
        (Problem.NotClassified(), "The feedback refers to an image that was not classified."),
        (Problem.Internal("c0ffee00-0000-0000-0000-000000000000"), "The service failed. Trying again may help."),
        (Problem.ProcessingFailed(5), "Only in the result of a dropped image: it could not be processed in several attempts."),
        (Problem.NoModel("it is still being loaded."), "The service has no model yet. Wait for the time given in Retry-After and send the same request again."),
        (Problem.Overloaded(), "Too many images are waiting. Wait for the time given in Retry-After and send the same request again."),
    ];

    /// <summary>The short name of a problem's kind: the end of its type.</summary>
    public static string NameOf(Problem problem) => problem.Type[Prefix.Length..];

    /// <summary>The kind with this short name.</summary>
    public static (Problem Example, string When) Of(string name) => All.First(k => NameOf(k.Example) == name);
}
