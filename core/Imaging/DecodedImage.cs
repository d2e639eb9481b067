namespace Lentigo.Core.Imaging;

/// <summary>A decoded file at the size that the networks see.</summary>
/// <param name="Pixels">uint8 [s, s, 3] RGB, rows from the top.</param>
/// <param name="Size">The side of the square in pixels, s.</param>
/// <param name="Width">The width that the file's image is shown at, in pixels, before the squash.</param>
/// <param name="Height">Its height.</param>
public sealed record DecodedImage(byte[] Pixels, int Size, int Width, int Height);
