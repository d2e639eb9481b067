using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Xml.Linq;

namespace Lentigo.Functions.Description;

/// <summary>
/// Reads the documentation comments of the product's types as plain text, from the XML files that the compiler writes next to the assemblies.
/// </summary>
internal sealed class DocumentationComments
{
    private readonly Dictionary<string, XElement> members = [];

    /// <summary>Loads the XML files of the types' assemblies. An assembly without such a file has no comments.</summary>
    public DocumentationComments(params IEnumerable<Type> types)
    {
        foreach (string assembly in types.Select(t => t.Assembly.GetName().Name!).Distinct())
        {
            string file = Path.Combine(AppContext.BaseDirectory, assembly + ".xml");
            foreach (XElement member in File.Exists(file) ? XDocument.Load(file).Descendants("member") : [])
            {
                members[(string)member.Attribute("name")!] = member;
            }
        }
    }

    /// <summary>The description of a type.</summary>
    public string? Of(Type type) => Text(members.GetValueOrDefault($"T:{NameOf(type)}")?.Element("summary"));

    /// <summary>The description of a property; the properties of a positional record are described by its parameters.</summary>
    public string? Of(PropertyInfo property)
    {
        Type type = property.DeclaringType!;
        return Property(members.GetValueOrDefault($"P:{NameOf(type)}.{property.Name}"))
            ?? Text(members.GetValueOrDefault($"T:{NameOf(type)}")?.Elements("param").FirstOrDefault(p => (string?)p.Attribute("name") == property.Name));
    }

    private string? Property(XElement? member) =>
        member?.Element("inheritdoc")?.Attribute("cref")?.Value is { } other ? Property(members.GetValueOrDefault(other)) : Text(member?.Element("summary"));

    private static string NameOf(Type type) => type.FullName!.Replace('+', '.');

    private static string? Text(XElement? element)
    {
        if (element is null)
        {
            return null;
        }

        StringBuilder text = new();
        foreach (XNode node in element.Nodes())
        {
            text.Append(node switch
            {
                XText plain => plain.Value,
                XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
                XElement { Name.LocalName: "paramref" } parameter => $"`{JsonNamingPolicy.CamelCase.ConvertName((string)parameter.Attribute("name")!)}`",
                XElement { Name.LocalName: "see" } see => Reference((string?)see.Attribute("cref") ?? ""),
                XElement other => other.Value,
                _ => "",
            });
        }

        return string.Join(' ', text.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>Renders a reference: a constant as its value, a property as its JSON name, a type as its name.</summary>
    private static string Reference(string cref)
    {
        string path = cref[(cref.IndexOf(':', StringComparison.Ordinal) + 1)..].Split('(')[0];
        int dot = path.LastIndexOf('.');
        string name = path[(dot + 1)..];
        return cref.Split(':')[0] switch
        {
            "F" when TypeOf(path[..dot])?.GetField(name, BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)?.GetRawConstantValue() is { } value => $"`{value}`",
            "P" => $"`{JsonNamingPolicy.CamelCase.ConvertName(name)}`",
            _ => name,
        };
    }

    private static Type? TypeOf(string name) => typeof(DocumentationComments).Assembly.GetType(name) ?? typeof(Core.LesionClass).Assembly.GetType(name);
}
