namespace Lentigo.Functions.Http;

/// <summary>A blob's name at the end of a route.</summary>
internal static class BlobName
{
    /// <summary>
    /// The name that a catch-all route parameter stands for. A slash in a path may be sent as <c>%2F</c>, which ASP.NET Core leaves as it is: that is how names
    /// with <c>..</c> between slashes or with empty parts reach the app, which a client would shorten otherwise.
    /// </summary>
    public static string Of(string routeValue) => routeValue.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
}
