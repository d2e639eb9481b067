using Lentigo.Core;
using Lentigo.Core.Imaging;

namespace Lentigo.Functions.Contracts;

/// <summary>Why no classification was made: a problem document of RFC 9457, the same over HTTP and in a blob's result.</summary>
/// <param name="Type">A stable URI that identifies the kind of problem.</param>
/// <param name="Title">The kind of problem for people; the same for every occurrence.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Detail">What happened this time and what to do.</param>
public sealed record Problem(string Type, string Title, int Status, string Detail)
{
    /// <summary>The request carries no image.</summary>
    public static Problem NoImage() => new(
        "urn:lentigo:problem:no-image", "No image", 400,
        "The request holds no image. Send a JPEG, PNG, WebP, TIFF or DICOM file as the request body or as the multipart field 'image'.");

    /// <summary>The request cannot be read as what its Content-Type says.</summary>
    public static Problem MalformedRequest(string reason) => new(
        "urn:lentigo:problem:malformed-request", "Malformed request", 400,
        $"The request could not be read: {reason} Send the image as the request body or as the multipart field 'image'.");

    /// <summary>The images of the request are together larger than the service takes.</summary>
    /// <param name="maxBytes">The most bytes of a request.</param>
    public static Problem RequestTooLarge(long maxBytes) => new(
        "urn:lentigo:problem:request-too-large", "Request too large", 413,
        $"The request is larger than {maxBytes / 1e6:0.#} MB. Send fewer images in one request, and nothing large beside them.");

    /// <summary>The request holds more images than the service takes at once.</summary>
    /// <param name="most">The most images of a request.</param>
    public static Problem TooManyImages(int most) => new(
        "urn:lentigo:problem:too-many-images", "Too many images", 413,
        $"The request holds more than {most} images. Send them in several requests.");

    /// <summary>The request's body arrives too slowly.</summary>
    public static Problem TooSlow() => new(
        "urn:lentigo:problem:too-slow", "Too slow", 408,
        "The image arrived too slowly and was not waited for. Send it again over a faster connection, or scale it down first: the service needs no more than 1024 pixels a side.");

    /// <summary>The image cannot be classified.</summary>
    public static Problem Rejected(ImageRejectedException rejection)
    {
        (string type, string title, int status) = rejection.Reason switch
        {
            ImageRejection.Empty => ("no-image", "No image", 400),
            ImageRejection.TooLarge => ("image-too-large", "Image too large", 413),
            ImageRejection.Unsupported => ("unsupported-image", "Not a supported image", 415),
            ImageRejection.TooManyPixels => ("too-many-pixels", "Too many pixels", 422),
            ImageRejection.NotDermoscopy => ("not-dermoscopy", "Not a dermoscopy image", 422),
            _ => ("unreadable-image", "Unreadable image", 422),
        };
        return new($"urn:lentigo:problem:{type}", title, status, rejection.Message);
    }

    /// <summary>A parameter of the query cannot be used.</summary>
    /// <param name="name">The parameter's name.</param>
    /// <param name="allowed">What it may be, as the end of the sentence 'It must be ...'.</param>
    public static Problem InvalidParameter(string name, string allowed) => new(
        "urn:lentigo:problem:invalid-parameter", "Invalid parameter", 400, $"The parameter '{name}' cannot be used. It must be {allowed}.");

    /// <summary>There is no such result, image or report.</summary>
    /// <param name="what">What was asked for, as the end of the sentence 'There is no ...'.</param>
    public static Problem NotFound(string what) => new(
        "urn:lentigo:problem:not-found", "Not found", 404, $"There is no {what}. It may have been deleted since it was listed.");

    /// <summary>Nothing is at the address that was called.</summary>
    public static Problem UnknownRoute() => new(
        "urn:lentigo:problem:unknown-route", "Unknown route", 404, "Nothing is at this address. The page is at /, the description of all calls at /api/openapi.json.");

    /// <summary>The address is called with other methods.</summary>
    /// <param name="allowed">The methods that it has, as in the header <c>Allow</c>.</param>
    public static Problem MethodNotAllowed(string allowed) => new(
        "urn:lentigo:problem:method-not-allowed", "Method not allowed", 405, $"This address is called with another method: {allowed}.");

    /// <summary>None of the media types that the caller accepts is one that the call answers with.</summary>
    /// <param name="served">The media types that there are.</param>
    public static Problem NotAcceptable(IEnumerable<string> served) => new(
        "urn:lentigo:problem:not-acceptable", "Not acceptable", 406, $"The header Accept admits none of the types of this answer. It may be {string.Join(" or ", served)}, or be left out.");

    /// <summary>The image is there and its result is not yet.</summary>
    public static Problem ResultPending() => new(
        "urn:lentigo:problem:result-pending", "Result pending", 404, "The image is there and is not answered yet. Ask again after the time that the header Retry-After tells.");

    /// <summary>A model is asked for that does not answer here.</summary>
    /// <param name="allowed">The names of those that do.</param>
    public static Problem UnknownModel(IEnumerable<string> allowed) => new(
        "urn:lentigo:problem:unknown-model", "Unknown model", 404, $"No model of this name answers here. These do: {string.Join(", ", allowed)}. The setting Lentigo__Models allows others that are published.");
    /// <summary>The view of the metrics is off.</summary>
    public static Problem MetricsOff() => new(
        "urn:lentigo:problem:metrics-off", "Metrics off", 404, "The view of the metrics is off. The setting Lentigo__Metrics=true turns it on.");

    /// <summary>Feedback names no diagnosis.</summary>
    public static Problem NoDiagnosis() => new(
        "urn:lentigo:problem:no-diagnosis", "No diagnosis", 400,
        $"The body must be a JSON object such as {{ \"diagnosis\": \"mel\" }} with one of the codes {string.Join(", ", LesionClasses.Codes)}.");

    /// <summary>An answer has its feedback already.</summary>
    public static Problem FeedbackExists() => new(
        "urn:lentigo:problem:feedback-exists", "Feedback exists", 409, "A confirmed diagnosis is on record for this answer already. It was left as it is.");

    /// <summary>Feedback is about an image that was not classified.</summary>
    public static Problem NotClassified() => new(
        "urn:lentigo:problem:not-classified", "Not classified", 422, "The image of this result was not classified, so that there is no answer to compare a diagnosis with.");

    /// <summary>No model is loaded yet.</summary>
    public static Problem NoModel(string reason) => new(
        "urn:lentigo:problem:no-model", "No model", 503,
        $"No model is loaded, so nothing can be classified: {reason} Try again later.");

    /// <summary>So many images wait to be classified that this one is not taken.</summary>
    public static Problem Overloaded() => new(
        "urn:lentigo:problem:overloaded", "Overloaded", 503,
        "The service is classifying as many images as it can. Try again after the time that the header Retry-After tells.");

    /// <summary>The caller has made more requests than one may.</summary>
    public static Problem TooManyRequests() => new(
        "urn:lentigo:problem:too-many-requests", "Too many requests", 429,
        "This caller has made as many requests as one may. Try again after the time that the header Retry-After tells, or make fewer at once.");

    /// <summary>A blob failed as often as the service tries.</summary>
    /// <param name="tries">How often that is; null where the host does not tell.</param>
    public static Problem ProcessingFailed(int? tries) => new(
        "urn:lentigo:problem:processing-failed", "Processing failed", 500,
        $"The image could not be processed in {(tries is null ? "several" : $"{tries}")} tries. Nothing is wrong with the image as far as is known: upload it again, and look into the service's log if it fails again.");

    /// <summary>An unexpected error of the service.</summary>
    public static Problem Internal(string id) => new(
        "urn:lentigo:problem:internal", "Internal error", 500,
        $"The service failed on this request. Try again; if it persists, give the operator the id {id}.");
}
