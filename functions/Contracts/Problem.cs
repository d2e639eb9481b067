using Lentigo.Core;
using Lentigo.Core.Imaging;

namespace Lentigo.Functions.Contracts;

/// <summary>Why no classification was made: a problem document (RFC 9457), the same over HTTP and in a blob's result.</summary>
/// <param name="Type">A stable URI that identifies the kind of problem.</param>
/// <param name="Title">A short name of the kind of problem for humans; the same for every occurrence.</param>
/// <param name="Status">The HTTP status code.</param>
/// <param name="Detail">What happened in this case and what to do about it.</param>
public sealed record Problem(string Type, string Title, int Status, string Detail)
{
    /// <summary>The request contains no image.</summary>
    public static Problem NoImage() => new(
        "urn:lentigo:problem:no-image", "No image", 400,
        "The request holds no image. Send a JPEG, PNG, WebP, TIFF or DICOM file as the request body or as the multipart field 'image'.");

    /// <summary>The request cannot be parsed according to its Content-Type.</summary>
    public static Problem MalformedRequest(string reason) => new(
        "urn:lentigo:problem:malformed-request", "Malformed request", 400,
        $"The request could not be read: {reason} Send the image as the request body or as the multipart field 'image'.");

    /// <summary>The images of the request together exceed the service's limit.</summary>
    /// <param name="maxBytes">The maximum request size in bytes.</param>
    public static Problem RequestTooLarge(long maxBytes) => new(
        "urn:lentigo:problem:request-too-large", "Request too large", 413,
        $"The request is larger than {maxBytes / 1e6:0.#} MB. Send fewer images per request, and no other large fields.");

    /// <summary>The request contains more images than the service accepts at once.</summary>
    /// <param name="most">The maximum number of images per request.</param>
    public static Problem TooManyImages(int most) => new(
        "urn:lentigo:problem:too-many-images", "Too many images", 413,
        $"The request holds more than {most} images. Send them in several requests.");

    /// <summary>The request's body arrives too slowly.</summary>
    public static Problem TooSlow() => new(
        "urn:lentigo:problem:too-slow", "Too slow", 408,
        "The image arrived too slowly, so the service stopped waiting for it. Send it again over a faster connection, or scale it down first: the service needs no more than 1024 pixels a side.");

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

    /// <summary>A query parameter has an invalid value.</summary>
    /// <param name="name">The parameter's name.</param>
    /// <param name="allowed">The allowed values, as the end of the sentence 'It must be ...'.</param>
    public static Problem InvalidParameter(string name, string allowed) => new(
        "urn:lentigo:problem:invalid-parameter", "Invalid parameter", 400, $"The parameter '{name}' cannot be used. It must be {allowed}.");

    /// <summary>The requested result, image or report does not exist.</summary>
    /// <param name="what">What was requested, as the end of the sentence 'There is no ...'.</param>
    public static Problem NotFound(string what) => new(
        "urn:lentigo:problem:not-found", "Not found", 404, $"There is no {what}. It may have been deleted since it was listed.");

    /// <summary>The requested URL does not exist.</summary>
    public static Problem UnknownRoute() => new(
        "urn:lentigo:problem:unknown-route", "Unknown route", 404, "There is nothing at this address. The web page is at /, the API description at /api/openapi.json.");

    /// <summary>The URL does not support the request's method.</summary>
    /// <param name="allowed">The supported methods, as in the header <c>Allow</c>.</param>
    public static Problem MethodNotAllowed(string allowed) => new(
        "urn:lentigo:problem:method-not-allowed", "Method not allowed", 405, $"This address does not support the request's method. It supports {allowed}.");

    /// <summary>The caller accepts none of the media types that the operation can return.</summary>
    /// <param name="served">The media types that the operation can return.</param>
    public static Problem NotAcceptable(IEnumerable<string> served) => new(
        "urn:lentigo:problem:not-acceptable", "Not acceptable", 406, $"The Accept header allows none of this response's media types. Send {string.Join(" or ", served)}, or omit the header.");

    /// <summary>The image exists but has no result yet.</summary>
    public static Problem ResultPending() => new(
        "urn:lentigo:problem:result-pending", "Result pending", 404, "The image is stored but has no result yet. Ask again after the delay given in the Retry-After header.");

    /// <summary>The requested model is not available here.</summary>
    /// <param name="allowed">The names of the available models.</param>
    public static Problem UnknownModel(IEnumerable<string> allowed) => new(
        "urn:lentigo:problem:unknown-model", "Unknown model", 404, $"No model of this name is available here. Available: {string.Join(", ", allowed)}. The setting Lentigo__Models makes other published models available.");
    /// <summary>The metrics endpoint is turned off.</summary>
    public static Problem MetricsOff() => new(
        "urn:lentigo:problem:metrics-off", "Metrics off", 404, "The metrics endpoint is off. Set Lentigo__Metrics=true to turn it on.");

    /// <summary>The feedback contains no diagnosis.</summary>
    public static Problem NoDiagnosis() => new(
        "urn:lentigo:problem:no-diagnosis", "No diagnosis", 400,
        $"The body must be a JSON object such as {{ \"diagnosis\": \"mel\" }} with one of the codes {string.Join(", ", LesionClasses.Codes)}.");

    /// <summary>The answer already has feedback.</summary>
    public static Problem FeedbackExists() => new(
        "urn:lentigo:problem:feedback-exists", "Feedback exists", 409, "A confirmed diagnosis is already on record for this answer. It was not changed.");

    /// <summary>The feedback refers to an image that was not classified.</summary>
    public static Problem NotClassified() => new(
        "urn:lentigo:problem:not-classified", "Not classified", 422, "The image of this result was not classified, so there is no answer to compare a diagnosis with.");

    /// <summary>No model is loaded yet.</summary>
    public static Problem NoModel(string reason) => new(
        "urn:lentigo:problem:no-model", "No model", 503,
        $"No model is loaded, so nothing can be classified: {reason} Try again later.");

    /// <summary>Too many images are already waiting to be classified.</summary>
    public static Problem Overloaded() => new(
        "urn:lentigo:problem:overloaded", "Overloaded", 503,
        "The service is classifying as many images as it can. Try again after the delay given in the Retry-After header.");

    /// <summary>The caller has exceeded its request limit.</summary>
    public static Problem TooManyRequests() => new(
        "urn:lentigo:problem:too-many-requests", "Too many requests", 429,
        "This caller has reached its request limit. Try again after the delay given in the Retry-After header, or send fewer requests at once.");

    /// <summary>The processing of a blob failed in every attempt that the service makes.</summary>
    /// <param name="tries">The number of attempts; null if the host does not report it.</param>
    public static Problem ProcessingFailed(int? tries) => new(
        "urn:lentigo:problem:processing-failed", "Processing failed", 500,
        $"The image could not be processed in {(tries is null ? "several" : $"{tries}")} tries. As far as is known, nothing is wrong with the image: upload it again, and check the service's log if it fails again.");

    /// <summary>An unexpected error in the service.</summary>
    public static Problem Internal(string id) => new(
        "urn:lentigo:problem:internal", "Internal error", 500,
        $"The service failed on this request. Try again; if it persists, give the operator the id {id}.");
}
