using System.CommandLine;

namespace Lentigo.Training.Commands;

/// <summary>All verbs of the program.</summary>
internal static class Verbs
{
    /// <summary>The program's command line.</summary>
    public static RootCommand CreateRoot() => new(
        """
        Trains the ensemble that Lentigo serves, evaluates it, exports it to ONNX and publishes it.
        Decision support, not a diagnosis.

        Examples (after 'dotnet run --project training -c Release --'):
          data inspect --data ham10000                                what a data set holds, and its faults
          train --data ham10000 --out runs/first                      the paper's recipe on HAM10000
          train --data ham10000 --out runs/strong --recipe strong --weights weights --balance class
          evaluate --model runs/first --data ham10000 --subset val    metrics of the members and the ensemble
          cross-validate --run runs/fold1 runs/fold2 --data ham10000  metrics of out-of-fold predictions
          onnx inspect models/lentigo/1/ensemble.onnx                 what an ONNX file holds
          publish --model runs/first --to models                      serve it from a folder or a blob container
          models rollback --in models                                 serve the previous version again
        """)
    {
        TrainCommand.Create(),
        ExportCommand.Create(),
        RenewCommand.Create(),
        EvaluateCommand.Create(),
        CrossValidateCommand.Create(),
        DataCommand.Create(),
        PublishCommand.Create(),
        ModelsCommand.Create(),
        WeightsCommand.Create(),
        OnnxCommand.Create(),
    };
}
