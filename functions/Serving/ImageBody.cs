using Lentigo.Core.Imaging;

namespace Lentigo.Functions.Serving;

/// <summary>An image as a caller sent it: a file, or the reason why it was rejected.</summary>
/// <param name="File">The file's bytes; null if the image was rejected.</param>
/// <param name="Rejection">The rejection of an empty or too large image; null if the image was accepted.</param>
/// <param name="Length">The number of bytes read.</param>
internal sealed record ImageBody(byte[]? File, ImageRejectedException? Rejection, long Length)
{
    /// <summary>The file's bytes.</summary>
    /// <exception cref="ImageRejectedException">The image was rejected: <see cref="Rejection"/>.</exception>
    public byte[] Bytes() => File ?? throw Rejection!;
}
