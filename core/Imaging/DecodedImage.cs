namespace Lentigo.Core.Imaging;

/// <summary>A decoded image, resized to the networks' input size.</summary>
/// <param name="Pixels">uint8 [s, s, 3] RGB, rows from top to bottom.</param>
/// <param name="Size">The side of the square in pixels, s.</param>
/// <param name="Width">The width of the image in pixels before resizing, with its EXIF orientation applied.</param>
/// <param name="Height">The height, likewise.</param>
public sealed record DecodedImage(byte[] Pixels, int Size, int Width, int Height);
