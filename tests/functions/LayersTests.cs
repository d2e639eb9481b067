using Lentigo.Functions.Serving;
using Lentigo.Tests;

namespace Lentigo.Functions.Tests;

public sealed class LayersTests
{
    /// <summary>
    /// The layers, the lowest first: each may use those before it (docs/architecture.md). What the Functions SDK generates is in the root namespace.
    /// </summary>
    private static readonly string[] Order = ["Contracts", "Fhir", "Serving", "Description", "Http", "Triggers", ""];

    /// <summary>
    /// The exceptions: <c>ServingServices</c> registers the services of all layers, <c>ApiDescription</c> answers with the document that it describes.
    /// </summary>
    private static readonly string[] Exceptions = ["Serving.ServingServices", "Description.ApiDescription"];

    [Fact]
    public void Every_layer_uses_only_those_below_it()
    {
        NamespaceLayers layers = new(typeof(CurrentModel).Assembly, "Lentigo.Functions");
        Assert.Equal(Order.Order(StringComparer.Ordinal), layers.Names);
        Assert.DoesNotContain(layers.Upwards(Order), d => !Exceptions.Any(e => d.StartsWith(e + " ", StringComparison.Ordinal)));
        Assert.NotEmpty(layers.Upwards([.. Order.Reverse()])); // dependencies are found at all
    }
}
