using System.Text.Json.Nodes;

namespace Lentigo.Functions.Description;

/// <summary>A call of the API. Its address, its method and whether it needs a key are those of its function.</summary>
/// <param name="Function">The function's name.</param>
/// <param name="Id">The name that generated clients give the call.</param>
/// <param name="Group">What it belongs to.</param>
/// <param name="Summary">What it does, in a few words.</param>
/// <param name="Description">All that a caller must know.</param>
internal sealed record ApiOperation(string Function, string Id, string Group, string Summary, string Description)
{
    /// <summary>Parameters of the path and of the query.</summary>
    public IReadOnlyList<ApiParameter> Parameters { get; init; } = [];

    /// <summary>What the body is.</summary>
    public ApiBody Body { get; init; } = ApiBody.None;

    /// <summary>The answers where nothing is wrong.</summary>
    public required IReadOnlyList<ApiAnswer> Answers { get; init; }

    /// <summary>The kinds of problems, as in <see cref="ProblemKinds"/>, beyond those that every call may have.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    /// <summary>The media types of the answers.</summary>
    public IEnumerable<string> MediaTypes => Answers.Select(a => a.MediaType).Distinct();
}

/// <summary>A parameter.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">What it is for.</param>
/// <param name="Schema">What it may be.</param>
/// <param name="IsInPath">Whether it is part of the path and not of the query.</param>
/// <param name="Example">A value.</param>
internal sealed record ApiParameter(string Name, string Description, JsonObject Schema, bool IsInPath = false, JsonNode? Example = null);

/// <summary>An answer.</summary>
/// <param name="Status">Its HTTP status.</param>
/// <param name="MediaType">Its media type.</param>
/// <param name="Description">When it is given.</param>
/// <param name="Documents">The types that its JSON may have; none for other content.</param>
internal sealed record ApiAnswer(int Status, string MediaType, string Description, params IReadOnlyList<Type> Documents);

/// <summary>What the body of a request is.</summary>
internal enum ApiBody
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>One image.</summary>
    Image,

    /// <summary>One image or, in a form, several.</summary>
    Images,

    /// <summary>A <see cref="Contracts.FeedbackRequest"/>.</summary>
    Feedback,
}
