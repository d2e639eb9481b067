namespace Lentigo.Core.Imaging;

/// <summary>Thrown when an image cannot be classified because of the image itself. The message states the reason and what to do.</summary>
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

    /// <summary>The content is not in a supported image format. The message names the format if it is recognized.</summary>
    /// <param name="file">The file's bytes.</param>
    public static ImageRejectedException Unsupported(ReadOnlySpan<byte> file) => new(
        ImageRejection.Unsupported,
        OtherFileFormats.NameOf(file) is { } format
            ? $"The file's content is {format}, which is not a supported image format, whatever the file's name says. {AcceptedFormats}"
            : $"The file's content is not of a supported image format, whatever its name says. {AcceptedFormats}");

    /// <summary>The file is DICOM of an unsupported kind.</summary>
    /// <param name="reason">The reason, as a clause that continues 'The DICOM file cannot be used: '.</param>
    public static ImageRejectedException UnsupportedDicom(string reason) => new(
        ImageRejection.Unsupported, $"The DICOM file cannot be used: {reason}. Send one frame as JPEG (baseline) in DICOM, or the image itself as JPEG, PNG, WebP or TIFF.");

    /// <summary>The file is damaged DICOM.</summary>
    /// <param name="reason">The fault and what to do, as text that continues 'The DICOM file cannot be read: '.</param>
    public static ImageRejectedException UnreadableDicom(string reason) => new(ImageRejection.Unreadable, $"The DICOM file cannot be read: {reason}");

    /// <summary>The image has more pixels than the limit.</summary>
    public static ImageRejectedException TooManyPixels(long width, long height, long maxPixels) => new(
        ImageRejection.TooManyPixels, $"The image is {width:N0} x {height:N0} pixels; at most {maxPixels:N0} pixels are accepted. Send a smaller image.");

    /// <summary>The image is damaged.</summary>
    public static ImageRejectedException Unreadable(ImageFileFormat format) => new(
        ImageRejection.Unreadable, $"The {format} file cannot be decoded: it is truncated, damaged or of an unsupported variant. Export it again from its source and send the new file.");

    /// <summary>The file is intact, but its pixels have an unsupported encoding that would be misread.</summary>
    /// <param name="format">The file's format.</param>
    /// <param name="kind">The unsupported encoding, as words that follow 'the file has'.</param>
    public static ImageRejectedException UnsupportedKind(ImageFileFormat format, string kind) => new(
        ImageRejection.Unreadable, $"The {format} file has {kind}, which cannot be read. Save it as RGB or gray with 8 or 16 bits a channel and send the new file.");

    /// <summary>The image is unlike the dermoscopy images that the model was trained on.</summary>
    public static ImageRejectedException NotDermoscopy() => new(
        ImageRejection.NotDermoscopy, "This does not look like a dermoscopy image of a skin lesion, so a prediction would be meaningless. Send an image taken through a dermatoscope, with the lesion in the middle; over HTTP, suitability=warn requests a prediction anyway.");
}

/// <summary>Why an image cannot be classified.</summary>
public enum ImageRejection
{
    /// <summary>The file has no content.</summary>
    Empty,

    /// <summary>The file is larger than the limit.</summary>
    TooLarge,

    /// <summary>The content is not in a supported image format.</summary>
    Unsupported,

    /// <summary>The image has more pixels than the limit.</summary>
    TooManyPixels,

    /// <summary>The image is damaged.</summary>
    Unreadable,

    /// <summary>The image is not a dermoscopy image.</summary>
    NotDermoscopy,
}
