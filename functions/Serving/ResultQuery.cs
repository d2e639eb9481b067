using System.Globalization;
using System.Text;
using Lentigo.Core;
using Lentigo.Functions.Contracts;
using Microsoft.AspNetCore.Http;

namespace Lentigo.Functions.Serving;

/// <summary>A query for results. Null members match everything.</summary>
internal sealed record ResultQuery
{
    private static readonly string[] Statuses = [LesionResult.Classified, LesionResult.Rejected, LesionResult.Failed];
    private static readonly string[] Recommendations = ["refer", "review", "routine"];

    /// <summary>The prefix of the images' names.</summary>
    public string? Prefix { get; private init; }

    /// <summary>The results' status.</summary>
    public string? Status { get; private init; }

    /// <summary>The code of the most probable class.</summary>
    public string? Label { get; private init; }

    /// <summary>The triage's recommendation.</summary>
    public string? Recommendation { get; private init; }

    /// <summary>The earliest time at which a result was written.</summary>
    public DateTimeOffset? From { get; private init; }

    /// <summary>The latest time at which a result was written.</summary>
    public DateTimeOffset? To { get; private init; }

    /// <summary>The last result of the previous page; only results after it match.</summary>
    public ResultPosition? After { get; private init; }

    /// <summary>Whether the query filters by tags in addition to name and time.</summary>
    public bool NeedsTags => (Status ?? Label ?? Recommendation) is not null;

    /// <summary>Parses the query of a request.</summary>
    /// <exception cref="ProblemException">A parameter is invalid.</exception>
    public static ResultQuery Of(IQueryCollection query) => new()
    {
        Prefix = query["prefix"] is [{ Length: > 0 } prefix] ? prefix : null,
        Status = OneOf(query, "status", Statuses),
        Label = OneOf(query, "label", LesionClasses.Codes),
        Recommendation = OneOf(query, "recommendation", Recommendations),
        From = Time(query, "from"),
        To = Time(query, "to"),
        After = query["continuation"] is [{ Length: > 0 } continuation] ? ResultPosition.Parse(continuation) : null,
    };

    /// <summary>Whether the tags match.</summary>
    public bool Admits(ResultTags tags) =>
        (Status is null || tags.Status == Status) && (Label is null || tags.Label == Label) && (Recommendation is null || tags.Recommendation == Recommendation);

    /// <summary>Whether the position matches, regardless of the tags.</summary>
    public bool Admits(ResultPosition position) =>
        (From is null || position.Time >= From) && (To is null || position.Time <= To) && (After is null || position.CompareTo(After) > 0);

    private static string? OneOf(IQueryCollection query, string name, IReadOnlyList<string> allowed) => query[name] switch
    {
        [] or [""] => null,
        [{ } value] when allowed.Contains(value) => value,
        _ => throw new ProblemException(Problem.InvalidParameter(name, $"one of {string.Join(", ", allowed)}")),
    };

    private static DateTimeOffset? Time(IQueryCollection query, string name) => query[name] switch
    {
        [] or [""] => null,
        [{ } value] when DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time) => time,
        _ => throw new ProblemException(Problem.InvalidParameter(name, "a time such as 2026-11-25T00:00:00Z")),
    };
}

/// <summary>The position of a result in the list: newest first; results with the same time are ordered by name.</summary>
/// <param name="Time">When the result was written.</param>
/// <param name="Name">The image's name.</param>
internal sealed record ResultPosition(DateTimeOffset Time, string Name) : IComparable<ResultPosition>
{
    /// <summary>Parses the output of <see cref="ToString"/>.</summary>
    /// <exception cref="ProblemException">The text has another format.</exception>
    public static ResultPosition Parse(string continuation)
    {
        try
        {
            string text = Encoding.UTF8.GetString(Convert.FromHexString(continuation));
            int end = text.IndexOf('\n', StringComparison.Ordinal);
            return new(new(long.Parse(text.AsSpan(0, end), CultureInfo.InvariantCulture), TimeSpan.Zero), text[(end + 1)..]);
        }
        catch (Exception e) when (e is FormatException or ArgumentException or OverflowException)
        {
            throw new ProblemException(Problem.InvalidParameter("continuation", "the 'continuation' of an earlier answer, unchanged"));
        }
    }

    /// <summary>Compares two positions; negative if this result comes before the other in the list.</summary>
    public int CompareTo(ResultPosition? other) =>
        other is null ? -1 : other.Time.CompareTo(Time) is var newer and not 0 ? newer : string.CompareOrdinal(Name, other.Name);

    /// <summary>The position as the parameter <c>continuation</c>.</summary>
    public override string ToString() => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Time.UtcTicks}\n{Name}")));
}
