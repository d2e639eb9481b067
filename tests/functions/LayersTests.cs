using Lentigo.Functions.Serving;
using Lentigo.Tests;

namespace Lentigo.Functions.Tests;

public sealed class LayersTests
{
    /// <summary>The layers, the lowest first: each may use those before it (docs/architecture.md).</summary>
    private static readonly string[] Order = ["Contracts", "Serving", "Http", "Triggers"];

    /// <summary>Registers the services of both layers.</summary>
    private const string Registration = "Serving.ServingServices";

    [Fact]
    public void Every_layer_uses_only_those_below_it()
    {
        NamespaceLayers layers = new(typeof(CurrentModel).Assembly, "Lentigo.Functions");
        Assert.Equal(Order.Order(StringComparer.Ordinal), layers.Names);
        Assert.DoesNotContain(layers.Upwards(Order), d => !d.StartsWith(Registration, StringComparison.Ordinal));
        Assert.NotEmpty(layers.Upwards([.. Order.Reverse()])); // dependencies are found at all
    }
}
