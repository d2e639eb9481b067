using Lentigo.Scale;

// Writes docs/scale.md and docs/scale.svg; run it from the repository root:
//   dotnet run --project docs/scale
string root = args.Length > 0 ? args[0] : ".";
Inputs inputs = Inputs.Read(root);
File.WriteAllText(Path.Combine(root, "docs", "scale.md"), Page.Markdown(inputs));
File.WriteAllText(Path.Combine(root, "docs", "scale.svg"), Page.Plot(inputs));
return 0;
