using Lentigo.Training;
using Lentigo.Training.Commands;

NativeTuning.Apply();
return await CommandLine.RunAsync(Verbs.CreateRoot(), args);
