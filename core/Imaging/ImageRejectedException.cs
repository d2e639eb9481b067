namespace Lentigo.Core.Imaging;

/// <summary>An image cannot be classified, through no fault of the service. The message says why and what to do.</summary>
public sealed class ImageRejectedException : Exception
{
    private const string AcceptedFormats = "Send a JPEG, PNG, WebP, TIFF or DICOM file.";

    private ImageRejectedException(ImageRejection reason, string message)
        : base(message) => Reason = reason;

    /// <summary>The kind of rejection.</summary>
    public ImageRejection Reason { get; }

    /// <summary>The file has no content.</summary>
    public static ImageRejectedException Empty() => new(ImageRejection.Empty, $"The file is empty. {AcceptedFormats}");

    /// <summary>The file is larger than the limit.</summary>
    public static ImageRejectedException TooLarge(long maxBytes) => new(
        ImageRejection.TooLarge, $"The file is larger than {maxBytes:N0} bytes. Send a smaller one, or raise the limit in the service's settings.");

    /// <summary>The bytes are not of a supported image format. The message names the format where it is known.</summary>
    /// <param name="file">The file's bytes.</param>
    public static ImageRejectedException Unsupported(ReadOnlySpan<byte> file) => new(
        ImageRejection.Unsupported,
        OtherFileFormats.NameOf(file) is { } format
            ? $"The file's content is {format}, which is not a supported image format, whatever the file's name says. {AcceptedFormats}"
            : $"The file's content is not of a supported image format, whatever its name says. {AcceptedFormats}");

    /// <summary>The file is DICOM of a kind that is not read.</summary>
    /// <param name="reason">What it is, as the middle of a sentence.</param>
    public static ImageRejectedException UnsupportedDicom(string reason) => new(
        ImageRejection.Unsupported, $"The DICOM file cannot be used: {reason}. Send one frame as JPEG (baseline) in DICOM, or the image itself as JPEG, PNG, WebP or TIFF.");

    /// <summary>The file is damaged DICOM.</summary>
    /// <param name="reason">What is wrong and what to do, as the end of a sentence.</param>
    public static ImageRejectedException UnreadableDicom(string reason) => new(ImageRejection.Unreadable, $"The DICOM file cannot be read: {reason}");

    /// <summary>The image has more pixels than the limit.</summary>
    public static ImageRejectedException TooManyPixels(long width, long height, long maxPixels) => new(
        ImageRejection.TooManyPixels, $"The image is {width:N0} x {height:N0} pixels; at most {maxPixels:N0} pixels are accepted. Send a smaller image.");

    /// <summary>The image is damaged.</summary>
    public static ImageRejectedException Unreadable(ImageFileFormat format) => new(
        ImageRejection.Unreadable, $"The {format} file cannot be decoded: it is truncated, damaged or of a rare kind. Export it again from its source and send the new file.");

    /// <summary>The file is whole, but its pixels are of a kind that would be misread.</summary>
    /// <param name="format">The file's format.</param>
    /// <param name="kind">What the file has.</param>
    public static ImageRejectedException UnsupportedKind(ImageFileFormat format, string kind) => new(
        ImageRejection.Unreadable, $"The {format} file has {kind}, which cannot be read. Save it as RGB or gray with 8 or 16 bits a channel and send the new file.");

    /// <summary>The image is unlike the dermoscopy images that the model was trained on.</summary>
    public static ImageRejectedException NotDermoscopy() => new(
        ImageRejection.NotDermoscopy, "This does not look like a dermoscopy image of a skin lesion, so that an answer would mean nothing. Send a picture taken through a dermatoscope, with the lesion in the middle; over HTTP, suitability=warn asks for an answer all the same.");
}

/// <summary>Why an image cannot be classified.</summary>
public enum ImageRejection
{
    /// <summary>The file has no content.</summary>
    Empty,

    /// <summary>The file is larger than the limit.</summary>
    TooLarge,

    /// <summary>The bytes are not of a supported image format.</summary>
    Unsupported,

    /// <summary>The image has more pixels than the limit.</summary>
    TooManyPixels,

    /// <summary>The image is damaged.</summary>
    Unreadable,

    /// <summary>The image is no dermoscopy image.</summary>
    NotDermoscopy,
}
