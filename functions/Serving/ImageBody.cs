using Lentigo.Core.Imaging;

namespace Lentigo.Functions.Serving;

/// <summary>An image as a caller sent it: a file, or why it is none that can be read.</summary>
/// <param name="File">The file's bytes; null where there is a rejection.</param>
/// <param name="Rejection">The image is empty or too large.</param>
/// <param name="Length">How many bytes of it were read.</param>
internal sealed record ImageBody(byte[]? File, ImageRejectedException? Rejection, long Length)
{
    /// <summary>The file's bytes.</summary>
    /// <exception cref="ImageRejectedException">The <see cref="Rejection"/>.</exception>
    public byte[] Bytes() => File ?? throw Rejection!;
}
