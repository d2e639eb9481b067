using System.CommandLine;
using Lentigo.OnnxExport;
using Spectre.Console;

namespace Lentigo.Training.Commands;

/// <summary>The verb <c>onnx inspect</c>.</summary>
internal static class OnnxCommand
{
    private static readonly Argument<string> File = new("file") { Description = "An .onnx file." };
    private static readonly Option<bool> Nodes = new("--nodes") { Description = "List every node, not only how many of each operator there are." };

    public static Command Create()
    {
        Command inspect = new("inspect",
            "Shows what an ONNX file holds (operators, shapes, sizes, versions, metadata) and checks it against the ONNX specification.") { File, Nodes };
        inspect.SetAction(arguments => Inspect(arguments.GetValue(File)!, arguments.GetValue(Nodes)));
        return new("onnx", "Works with ONNX files.") { inspect };
    }

    private static int Inspect(string path, bool nodes)
    {
        OnnxInspection file = OnnxInspection.Read(path);
        Table model = CommandLine.NewTable("Property", "Value");
        Row(model, "file", $"{Path.GetFileName(path)}, {file.FileBytes:n0} bytes");
        Row(model, "written by", file.Producer);
        Row(model, "versions", $"IR {file.IrVersion}, operator set {file.Opset}");
        Row(model, "constants", $"{file.Parameters:n0} numbers: "
            + $"{string.Join(", ", file.ConstantBytes.OrderByDescending(c => c.Value).Select(c => $"{c.Value:n0} bytes of {c.Key}"))}");
        foreach (OnnxPort input in file.Inputs)
        {
            Row(model, $"input {input.Name}", input.Type);
        }

        foreach (OnnxPort output in file.Outputs)
        {
            Row(model, $"output {output.Name}", output.Type);
        }

        if (file.DocString.Length > 0)
        {
            Row(model, "doc string", file.DocString);
        }

        foreach ((string key, string value) in file.Metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
        {
            Row(model, $"metadata {key}", value);
        }

        CommandLine.Print(model);
        Table operators = CommandLine.NewTable("Operator", "Nodes", "Bytes of constants");
        foreach (var group in file.Nodes.GroupBy(n => n.Operation).OrderByDescending(g => g.Sum(n => n.ConstantBytes))
            .ThenBy(g => g.Key, StringComparer.Ordinal))
        {
            Row(operators, group.Key, $"{group.Count()}", $"{group.Sum(n => n.ConstantBytes):n0}");
        }

        CommandLine.Print(operators);
        if (nodes)
        {
            Table all = CommandLine.NewTable("Node", "Operator", "Output", "Bytes of constants");
            foreach (OnnxNodeSummary node in file.Nodes)
            {
                Row(all, node.Name, node.Operation, node.Output, $"{node.ConstantBytes:n0}");
            }

            CommandLine.Print(all);
        }

        IReadOnlyList<string> faults = OnnxChecker.Check(path);
        CommandLine.Print(faults.Count == 0
            ? "It keeps the rules of the ONNX specification."
            : $"By the rules that are known here, {faults.Count} things are wrong with "
                + $"it:{Environment.NewLine}{string.Join(Environment.NewLine, faults.Take(20))}");
        return faults.Count == 0 ? 0 : 1;
    }

    private static void Row(Table table, params string[] cells) => table.AddRow([.. cells.Select(Markup.Escape)]);
}
