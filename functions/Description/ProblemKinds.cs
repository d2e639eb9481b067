using Lentigo.Core.Imaging;
using Lentigo.Functions.Contracts;

namespace Lentigo.Functions.Description;

/// <summary>All kinds of problems: their <c>type</c>s are stable.</summary>
internal static class ProblemKinds
{
    private const string Prefix = "urn:lentigo:problem:";

    /// <summary>An example of each kind, and when it occurs.</summary>
    public static IReadOnlyList<(Problem Example, string When)> All { get; } =
    [
        (Problem.NoImage(), "The body is empty, or a form has no field `image`."),
        (Problem.MalformedRequest("its body ended early."), "The body is not what its Content-Type says, or it ended early."),
        (Problem.InvalidParameter("sensitivity", "a number from 0.5 to 0.999"), "A parameter of the query or of the path is none that may be asked for. `detail` says what it may be."),
        (Problem.NoDiagnosis(), "The body of a feedback names none of the seven classes."),
        (Problem.UnknownRoute(), "Nothing is at the address."),
        (Problem.NotFound("result of this name"), "What was asked for does not exist, or not yet."),
        (Problem.ResultPending(), "The image was dropped and is not answered yet. Wait for the time that Retry-After tells, and ask again."),
        (Problem.UnknownModel(["lentigo"]), "No model of the name that was asked for answers here."),
        (Problem.MetricsOff(), "The setting that shows the metrics is off."),
        (Problem.TooManyRequests(), "The caller has made as many requests as the settings allow one. Wait for the time that Retry-After tells."),
        (Problem.MethodNotAllowed("POST"), "The address exists, the method does not. The header `Allow` has those that do."),
        (Problem.NotAcceptable(["application/json"]), "The header Accept admits none of the types that the call answers with."),
        (Problem.TooSlow(), "The body arrived slower than the service waits for. Send it again, smaller."),
        (Problem.FeedbackExists(), "The answer has its confirmed diagnosis already; the first one stays."),
        (Problem.Rejected(ImageRejectedException.TooLarge(new ImageLimits().MaxBytes)), "One image is larger than the service takes."),
        (Problem.RequestTooLarge(100_000_000), "The images of one request are together larger than the service takes. Split the request."),
        (Problem.TooManyImages(32), "The request holds more images than the service takes at once. Split the request."),
        (Problem.Rejected(ImageRejectedException.Unsupported("GIF89a"u8)), "The content is no JPEG, PNG, WebP, TIFF or DICOM file that can be read. `detail` names the format that was found. File names and content types are not looked at."),
        (Problem.Rejected(ImageRejectedException.Unreadable(ImageFileFormat.Jpeg)), "The file is damaged or cut off. Do not send it again as it is."),
        (Problem.Rejected(ImageRejectedException.TooManyPixels(60_000, 60_000, new ImageLimits().MaxPixels)), "The image has more pixels than the service takes. Scale it down."),
        (Problem.Rejected(ImageRejectedException.NotDermoscopy()), "The image is no dermoscopy image. Take another; `suitability=warn` asks for an answer all the same."),
        (Problem.NotClassified(), "A feedback is about an image that was not classified."),
        (Problem.Internal("c0ffee00-0000-0000-0000-000000000000"), "The service failed. Trying once more may help."),
        (Problem.ProcessingFailed(5), "In the result of a dropped image alone: it could not be processed in several tries."),
        (Problem.NoModel("it is still being loaded."), "The service has no model yet. Wait for the time that Retry-After tells, and send the same again."),
        (Problem.Overloaded(), "Too many images are waiting. Wait for the time that Retry-After tells, and send the same again."),
    ];

    /// <summary>A kind's short name: the end of its type.</summary>
    public static string NameOf(Problem problem) => problem.Type[Prefix.Length..];

    /// <summary>The kind of this short name.</summary>
    public static (Problem Example, string When) Of(string name) => All.First(k => NameOf(k.Example) == name);
}
