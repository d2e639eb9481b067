namespace Microsoft.Azure.Functions.Worker.Builder;

/// <summary>Where a functions app begins.</summary>
public static class FunctionsApplication
{
    /// <summary>A builder of an app that holds the functions of the program's assembly.</summary>
    public static FunctionsApplicationBuilder CreateBuilder(string[] args) => new(args);
}
