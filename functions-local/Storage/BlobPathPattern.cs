using System.Text;
using System.Text.RegularExpressions;

namespace Lentigo.Functions.Local.Storage;

/// <summary>A blob trigger's path, e.g. <c>lesions/{name}</c>: a container and, for the blob's name, literal text with parameters in braces.</summary>
internal sealed partial class BlobPathPattern
{
    private readonly Regex? blob;

    private BlobPathPattern(string container, string prefix, IReadOnlyList<string> parameters, Regex? blob)
    {
        Container = container;
        Prefix = prefix;
        Parameters = parameters;
        this.blob = blob;
    }

    /// <summary>The container.</summary>
    public string Container { get; }

    /// <summary>The text that every matching name begins with.</summary>
    public string Prefix { get; }

    /// <summary>The names in braces.</summary>
    public IReadOnlyList<string> Parameters { get; }

    /// <summary>Reads a path.</summary>
    /// <exception cref="FormatException">It is not one.</exception>
    public static BlobPathPattern Parse(string path)
    {
        int slash = path.IndexOf('/', StringComparison.Ordinal);
        string container = slash < 0 ? path : path[..slash];
        string name = slash < 0 ? "" : path[(slash + 1)..];
        if (!ContainerName().IsMatch(container))
        {
            throw Fault("it does not begin with a container's name");
        }

        if (name.Length == 0)
        {
            return new(container, "", [], null);
        }

        StringBuilder regex = new("^"), prefix = new();
        List<string> parameters = [];
        for (int i = 0; i < name.Length; i++)
        {
            switch (name[i])
            {
                case '{' or '}' when i + 1 < name.Length && name[i + 1] == name[i]: // {{ is a brace
                    Literal(name[++i]);
                    break;
                case '{':
                    int close = name.IndexOf('}', i);
                    string parameter = close < 0 ? "" : name[(i + 1)..close];
                    if (!ParameterName().IsMatch(parameter) || parameters.Contains(parameter, StringComparer.OrdinalIgnoreCase))
                    {
                        throw Fault("its braces do not hold a name each, all different");
                    }

                    regex.Append("(?<").Append(parameter).Append(">.+)");
                    parameters.Add(parameter);
                    i = close;
                    break;
                case '}':
                    throw Fault("it has a closing brace without an opening one");
                default:
                    Literal(name[i]);
                    break;
            }
        }

        return new(container, prefix.ToString(), parameters, new(regex.Append("\\z").ToString(), RegexOptions.CultureInvariant | RegexOptions.Singleline | RegexOptions.ExplicitCapture));

        void Literal(char c)
        {
            regex.Append(Regex.Escape(c.ToString()));
            if (parameters.Count == 0)
            {
                prefix.Append(c);
            }
        }

        FormatException Fault(string why) => new($"The blob path '{path}' cannot be used: {why}. It should look like container/{{name}}.");
    }

    /// <summary>The parameters' values of a blob's name, or null where the name does not match.</summary>
    public IReadOnlyDictionary<string, object?>? Match(string blobName)
    {
        if (blob is null)
        {
            return new Dictionary<string, object?>();
        }

        Match match = blob.Match(blobName);
        return match.Success ? Parameters.ToDictionary(p => p, object? (p) => match.Groups[p].Value, StringComparer.OrdinalIgnoreCase) : null;
    }

    [GeneratedRegex("^[a-z0-9](-?[a-z0-9]){2,62}$")]
    private static partial Regex ContainerName();

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*$")]
    private static partial Regex ParameterName();
}
