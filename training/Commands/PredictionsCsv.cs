using System.Globalization;
using System.Text;
using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;

namespace Lentigo.Training.Commands;

/// <summary>The file that <c>evaluate --predictions</c> writes.</summary>
internal static class PredictionsCsv
{
    /// <summary>One line per image: id, label, the seven probabilities and, where the package has a decision rule, its recommendation.</summary>
    public static string Of(LesionDataSet data, EnsembleAnswers answers, DecisionRule? rule)
    {
        StringBuilder csv = new($"image_id,label,{string.Join(",", LesionClasses.Codes)}{(rule is null ? "" : ",malignant,recommendation,set")}\n");
        for (int i = 0; i < answers.Images.Count; i++)
        {
            LesionRecord record = data.Records[answers.Images[i]];
            double[] probabilities = answers.Probabilities[i];
            csv.Append(CultureInfo.InvariantCulture, $"{record.Id},{(record.Label < 0 ? "" : LesionClasses.Codes[record.Label])},{string.Join(",", probabilities.Select(p => p.ToString("r", CultureInfo.InvariantCulture)))}");
            if (rule is not null)
            {
                Triage triage = rule.TriageOf(probabilities, hasWarnings: false);
                csv.Append(CultureInfo.InvariantCulture,
                    $",{triage.MalignantProbability:r},{triage.Recommendation},{string.Join(' ', rule.SetOf(probabilities))}");
            }

            csv.Append('\n');
        }

        return csv.ToString();
    }
}
