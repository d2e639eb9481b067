namespace Lentigo.Functions.Contracts;

/// <summary>The response to <c>POST /api/lesions</c>.</summary>
/// <param name="Name">The image's name in the container <c>lesions</c>. It cannot be guessed.</param>
/// <param name="Result">The URL of the image's result, relative to the service's root, as in the header <c>Location</c>.</param>
internal sealed record LesionReceipt(string Name, string Result);
