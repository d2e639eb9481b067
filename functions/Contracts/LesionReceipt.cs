namespace Lentigo.Functions.Contracts;

/// <summary>The answer to <c>POST /api/lesions</c>.</summary>
/// <param name="Name">The image's name in the container <c>lesions</c>. Nobody can guess it.</param>
/// <param name="Result">The address of its result below the service's, as in the header <c>Location</c>.</param>
internal sealed record LesionReceipt(string Name, string Result);
