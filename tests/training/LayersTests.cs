using Lentigo.Tests;
using Lentigo.Training.Commands;

namespace Lentigo.Training.Tests;

public sealed class LayersTests
{
    /// <summary>The layers, the lowest first: each may use those before it (docs/architecture.md).</summary>
    private static readonly string[] Order =
        ["", "Recipes", "Networks", "Weights", "Data", "Trainers", "Evaluation", "Reports", "Packaging", "Storage", "Commands"];

    private static readonly NamespaceLayers Layers = new(typeof(Verbs).Assembly, "Lentigo.Training");

    [Fact]
    public void Every_layer_uses_only_those_below_it()
    {
        Assert.Equal(Order.Order(StringComparer.Ordinal), Layers.Names);
        Assert.Empty(Layers.Upwards(Order));
        Assert.NotEmpty(Layers.Upwards([.. Order.Reverse()])); // dependencies are found at all
    }

    [Fact]
    public void Commands_do_not_call_commands()
    {
        Assert.Empty(Layers.Between("Command"));
        Assert.Contains(("Commands.ExportCommand", "Commands.PackageArguments"), Layers.Between("")); // dependencies are found at all
    }

    [Fact]
    public void The_program_has_no_public_types() =>
        Assert.DoesNotContain(typeof(Verbs).Assembly.GetExportedTypes(), t => t.Namespace?.StartsWith("Lentigo", StringComparison.Ordinal) == true);
}
