using Lentigo.Functions.Local;

return await Launcher.RunAsync(args);
