using Lentigo.InfraBicep.Tests;

[assembly: AssemblyFixture(typeof(BicepCli))]

// The Bicep CLI package and the shell scripts are for Linux.
[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]
