using System.CommandLine;
using System.Runtime.InteropServices;
using Azure;
using Azure.Identity;
using Lentigo.Core.Models;
using Lentigo.OnnxExport;
using Lentigo.Training.Data;
using Lentigo.Training.Storage;
using Lentigo.Training.Weights;
using Spectre.Console;
using static TorchSharp.torch;

namespace Lentigo.Training.Commands;

/// <summary>Shared by all verbs: exit codes (0 success, 1 failure, 2 bad usage), error messages, tables, devices.</summary>
internal static class CommandLine
{
    private const int Failed = 1, BadUsage = 2;

    // The time for a verb to stop after Ctrl-C or SIGTERM: it finishes a training step or an upload first.
    private static readonly TimeSpan StopTimeout = TimeSpan.FromMinutes(5);

    /// <summary>The device that networks compute on.</summary>
    public static readonly Option<string> DeviceName =
        new("--device") { HelpName = "auto|cpu|cuda", Description = "Where the networks compute.", DefaultValueFactory = _ => "auto" };

    /// <summary>Runs the verb that the arguments name.</summary>
    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (System.CommandLine.Parsing.ParseError error in parsed.Errors)
            {
                await Console.Error.WriteLineAsync(error.Message);
            }

            string verb = parsed.CommandResult.Command is RootCommand ? "" : parsed.CommandResult.Command.Name + " ";
            await Console.Error.WriteLineAsync($"See '{verb}--help'.");
            return BadUsage;
        }

        try
        {
            return await parsed.InvokeAsync(new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = StopTimeout });
        }
        catch (UsageException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return BadUsage;
        }
        catch (CredentialUnavailableException)
        {
            await Console.Error.WriteLineAsync("Nobody is signed in to Azure: run 'az login', or give a SAS in the URL or a connection string with "
                + "--connection.");
            return Failed;
        }
        catch (Exception e) when (e is TrainingException or OnnxExportException or DataSetException or WeightsFileException or ModelPackageException
            or IOException or UnauthorizedAccessException or RequestFailedException or AuthenticationFailedException)
        {
            await Console.Error.WriteLineAsync(e is RequestFailedException or AuthenticationFailedException ? e.Message.Split('\n')[0] : e.Message);
            return Failed;
        }
        catch (AggregateException e) when (BlobFolder.IsStorageFailure(e))
        {
            // The storage client throws this after its retries.
            await Console.Error.WriteLineAsync($"The storage account cannot be reached: {e.InnerExceptions[^1].Message.Split('\n')[0]}");
            return Failed;
        }
        catch (ExternalException e)
        {
            await Console.Error.WriteLineAsync($"LibTorch cannot go on: {e.Message.Split('\n')[0]} If memory ran out, use a smaller --batch or --size.");
            return Failed;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("Stopped.");
            return Failed;
        }
    }

    /// <summary>The fold, from 0, and the number of folds of <c>i/k</c>.</summary>
    /// <exception cref="UsageException">The text does not have this form.</exception>
    public static (int Fold, int Folds) FoldOf(string text)
    {
        string[] parts = text.Split('/');
        return parts.Length == 2 && int.TryParse(parts[0], out int i) && int.TryParse(parts[1], out int k) && k >= 2 && i >= 1 && i <= k
            ? (i - 1, k)
            : throw new UsageException($"The fold '{text}' is not understood; write i/k with i from 1 to k, such as 1/5.");
    }

    /// <summary>A table whose first column, the names, wraps on narrow terminals; the columns of numbers do not.</summary>
    public static Table NewTable(params string[] columns)
    {
        Table table = new() { Border = TableBorder.Simple };
        foreach (string column in columns)
        {
            table.AddColumn(new TableColumn(Markup.Escape(column)) { NoWrap = table.Columns.Count > 0 });
        }

        return table;
    }

    /// <summary>Prints a table, without wrapping where the output is redirected.</summary>
    public static void Print(Table table)
    {
        IAnsiConsole console = AnsiConsole.Create(new() { Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected)
        {
            console.Profile.Width = 500;
        }

        console.Write(table);
    }

    /// <summary>Prints a line.</summary>
    public static void Print(string line) => Console.WriteLine(line);

    /// <summary>The device of a name.</summary>
    /// <exception cref="UsageException">The name is unknown, or CUDA was asked for where there is none.</exception>
    public static Device DeviceOf(string name) => name switch
    {
        "auto" => cuda.is_available() ? CUDA : CPU,
        "cpu" => CPU,
        "cuda" when cuda.is_available() => CUDA,
        "cuda" => throw new UsageException("The device 'cuda' was asked for, but this build or machine has no CUDA. Build with -p:Accelerator=Cuda on a "
            + "machine with an NVIDIA GPU, or use --device cpu."),
        _ => throw new UsageException($"There is no device '{name}'. Known devices: auto, cpu, cuda."),
    };
}

/// <summary>The command line is invalid; the message says why and what to write instead.</summary>
internal sealed class UsageException(string message) : Exception(message);
