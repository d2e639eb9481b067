using System.Text.Json.Nodes;

namespace Lentigo.Functions.Description;

/// <summary>An operation of the API. Its URL, its method and whether it needs a key come from its function.</summary>
/// <param name="Function">The function's name.</param>
/// <param name="Id">The operation's name in generated clients.</param>
/// <param name="Group">The operation's group.</param>
/// <param name="Summary">What the operation does, in a few words.</param>
/// <param name="Description">Everything that a caller needs to know.</param>
internal sealed record ApiOperation(string Function, string Id, string Group, string Summary, string Description)
{
    /// <summary>The path and query parameters.</summary>
    public IReadOnlyList<ApiParameter> Parameters { get; init; } = [];

    /// <summary>The kind of request body.</summary>
    public ApiBody Body { get; init; } = ApiBody.None;

    /// <summary>The successful responses.</summary>
    public required IReadOnlyList<ApiAnswer> Answers { get; init; }

    /// <summary>
    /// The names of the problems in <see cref="ProblemKinds"/> that the operation can return, besides those that every operation can return.
    /// </summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    /// <summary>The media types of the successful responses.</summary>
    public IEnumerable<string> MediaTypes => Answers.Select(a => a.MediaType).Distinct();
}

/// <summary>A parameter of an operation.</summary>
/// <param name="Name">The parameter's name.</param>
/// <param name="Description">The parameter's purpose.</param>
/// <param name="Schema">The JSON Schema of the allowed values.</param>
/// <param name="IsInPath">Whether the parameter is part of the path rather than the query.</param>
/// <param name="Example">An example value.</param>
internal sealed record ApiParameter(string Name, string Description, JsonObject Schema, bool IsInPath = false, JsonNode? Example = null);

/// <summary>A successful response of an operation.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="MediaType">The media type.</param>
/// <param name="Description">What the response contains or when it is returned.</param>
/// <param name="Documents">The types of the JSON document, one of which it has; empty for other content.</param>
internal sealed record ApiAnswer(int Status, string MediaType, string Description, params IReadOnlyList<Type> Documents);

/// <summary>The kind of request body.</summary>
internal enum ApiBody
{
    /// <summary>No body.</summary>
    None,

    /// <summary>One image.</summary>
    Image,

    /// <summary>One image or, in a form, several images.</summary>
    Images,

    /// <summary>A <see cref="Contracts.FeedbackRequest"/>.</summary>
    Feedback,
}
