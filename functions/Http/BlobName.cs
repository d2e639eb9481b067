namespace Lentigo.Functions.Http;

/// <summary>The name of a blob at the end of a route.</summary>
internal static class BlobName
{
    /// <summary>
    /// Decodes a catch-all route parameter into a blob's name. A slash in the path may be sent as <c>%2F</c>, which ASP.NET Core does not decode. This lets
    /// names that contain <c>..</c> between slashes or empty segments reach the app; clients would otherwise normalize them away.
    /// </summary>
    public static string Of(string routeValue) => routeValue.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
}
