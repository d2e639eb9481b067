namespace Lentigo.Core.Predictions;

/// <summary>Why no classification was made: a problem document of RFC 9457, the same over HTTP, in a blob's result and on the console.</summary>
/// <param name="Type">A stable URI that identifies the kind of problem.</param>
/// <param name="Title">The kind of problem for people; the same for every occurrence.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Detail">What happened this time and what to do.</param>
public sealed record Problem(string Type, string Title, int Status, string Detail)
{
    private const string AcceptedFormats = "Send a JPEG, PNG, WebP or TIFF file.";

    /// <summary>The request carries no image.</summary>
    public static Problem NoImage() => new(
        "urn:lentigo:problem:no-image", "No image", 400,
        "The request holds no image. " + AcceptedFormats[..^1] + " as the request body or as the multipart field 'image'.");

    /// <summary>The request cannot be read as what its Content-Type says.</summary>
    public static Problem MalformedRequest(string reason) => new(
        "urn:lentigo:problem:malformed-request", "Malformed request", 400,
        $"The request could not be read: {reason} Send the image as the request body or as the multipart field 'image'.");

    /// <summary>The file is larger than the limit.</summary>
    public static Problem TooLarge(long maxBytes) => new(
        "urn:lentigo:problem:image-too-large", "Image too large", 413,
        $"The file is larger than {maxBytes:N0} bytes. Send a smaller one, or raise the limit in the service's settings.");

    /// <summary>The bytes are not of a supported image format.</summary>
    public static Problem Unsupported() => new(
        "urn:lentigo:problem:unsupported-image", "Not a supported image", 415,
        "The file's content is not of a supported image format, whatever its name says. " + AcceptedFormats);

    /// <summary>The image has more pixels than the limit.</summary>
    public static Problem TooManyPixels(long width, long height, long maxPixels) => new(
        "urn:lentigo:problem:too-many-pixels", "Too many pixels", 422,
        $"The image is {width:N0} x {height:N0} pixels; at most {maxPixels:N0} pixels are accepted. Send a smaller image.");

    /// <summary>The image is damaged.</summary>
    public static Problem Unreadable(string format) => new(
        "urn:lentigo:problem:unreadable-image", "Unreadable image", 422,
        $"The {format} file cannot be decoded: it is truncated, damaged or of a rare kind. Export it again from its source and send the new file.");

    /// <summary>No model is loaded yet.</summary>
    public static Problem NoModel(string reason) => new(
        "urn:lentigo:problem:no-model", "No model", 503,
        $"No model is loaded, so nothing can be classified: {reason} Try again later.");

    /// <summary>A blob failed as often as the service tries.</summary>
    public static Problem ProcessingFailed(int tries) => new(
        "urn:lentigo:problem:processing-failed", "Processing failed", 500,
        $"The image could not be processed in {tries} tries. Nothing is wrong with the image as far as is known: upload it again, and look into the service's log if it fails again.");

    /// <summary>An unexpected error of the service.</summary>
    public static Problem Internal(string id) => new(
        "urn:lentigo:problem:internal", "Internal error", 500,
        $"The service failed on this request. Try again; if it persists, give the operator the id {id}.");
}
