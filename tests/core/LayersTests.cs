using Lentigo.Tests;

namespace Lentigo.Core.Tests;

public sealed class LayersTests
{
    /// <summary>The layers, the lowest first: each may use those before it (docs/architecture.md).</summary>
    private static readonly string[] Order = ["", "Storage", "Imaging", "Evaluation", "Models", "Decisions", "Predictions", "Inference"];

    /// <summary>The one JSON context names the documents of all layers, and all use it.</summary>
    private const string JsonContext = "LentigoJson";

    [Fact]
    public void Every_layer_uses_only_those_below_it()
    {
        NamespaceLayers layers = new(typeof(LesionClasses).Assembly, "Lentigo.Core");
        Assert.Equal(Order.Order(StringComparer.Ordinal), layers.Names);
        Assert.DoesNotContain(layers.Upwards(Order), d => !d.StartsWith(JsonContext, StringComparison.Ordinal));
        Assert.NotEmpty(layers.Upwards([.. Order.Reverse()])); // dependencies are found at all
    }
}
