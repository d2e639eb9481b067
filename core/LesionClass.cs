namespace Lentigo.Core;

/// <summary>A diagnostic category of the classifier.</summary>
/// <param name="Code">HAM10000's <c>dx</c> code, e.g. <c>mel</c>.</param>
/// <param name="Name">The display name of the category.</param>
/// <param name="Malignant">Whether the category is malignant or premalignant.</param>
public sealed record LesionClass(string Code, string Name, bool Malignant);

/// <summary>The seven categories of HAM10000 (Tschandl et al. 2018, doi:10.1038/sdata.2018.161), in the order used everywhere.</summary>
public static class LesionClasses
{
    /// <summary>The notice that every part of the product shows with each answer.</summary>
    public const string Notice = "decision support, not a diagnosis";

    /// <summary>The classes; an index into this list is a label.</summary>
    public static IReadOnlyList<LesionClass> All { get; } =
    [
        new("akiec", "Actinic keratosis / intraepithelial carcinoma", Malignant: true),
        new("bcc", "Basal cell carcinoma", Malignant: true),
        new("bkl", "Benign keratosis-like lesion", Malignant: false),
        new("df", "Dermatofibroma", Malignant: false),
        new("mel", "Melanoma", Malignant: true),
        new("nv", "Melanocytic nevus", Malignant: false),
        new("vasc", "Vascular lesion", Malignant: false),
    ];

    /// <summary>The number of classes, 7.</summary>
    public static int Count => All.Count;

    /// <summary>The codes, in order: <c>akiec, bcc, bkl, df, mel, nv, vasc</c>.</summary>
    public static IReadOnlyList<string> Codes { get; } = [.. All.Select(c => c.Code)];

    /// <summary>The label of melanoma.</summary>
    public static int Melanoma { get; } = IndexOf("mel");

    /// <summary>Returns the summed probability of the malignant and premalignant classes.</summary>
    /// <param name="probabilities">[7].</param>
    public static double MalignantProbability(IReadOnlyList<double> probabilities)
    {
        ArgumentNullException.ThrowIfNull(probabilities);
        double sum = 0;
        for (int c = 0; c < Count; c++)
        {
            sum += All[c].Malignant ? probabilities[c] : 0;
        }

        return sum;
    }

    /// <summary>Returns the label of a <c>dx</c> code, or -1 if it is not one of the seven.</summary>
    public static int IndexOf(string code)
    {
        for (int i = 0; i < All.Count; i++)
        {
            if (string.Equals(All[i].Code, code, StringComparison.OrdinalIgnoreCase))
            {
                return i;
            }
        }

        return -1;
    }
}
