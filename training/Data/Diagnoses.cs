using Lentigo.Core;

namespace Lentigo.Training.Data;

/// <summary>
/// Maps the diagnoses of public data sets to the seven classes, by HAM10000's definitions (Tschandl et al. 2018, doi:10.1038/sdata.2018.161). The names are
/// those of HAM10000, the ISIC challenges, the ISIC archive, BCN20000, MILK10k and their copies on Kaggle; case, digits and punctuation are ignored.
/// </summary>
internal static class Diagnoses
{
    /// <summary>The result of <see cref="Find"/> for a diagnosis that is none of the seven classes.</summary>
    public const int LeftOut = -2;

    /// <summary>The names of each class, beside its code and full name.</summary>
    public static IReadOnlyList<(string Code, IReadOnlyList<string> Names)> Classes { get; } =
    [
        ("akiec", ["AK", "actinic keratosis", "actinic keratoses", "solar or actinic keratosis", "actinic keratoses and intraepithelial carcinoma",
            "intraepithelial carcinoma", "Bowen's disease", "squamous cell carcinoma in situ"]),
        ("bcc", ["basal cell carcinoma", "basal cell carcinomas"]),
        ("bkl", ["benign keratosis", "benign keratosis-like lesions", "seborrheic keratosis", "seborrheic keratoses", "pigmented benign keratosis",
            "solar lentigo", "lichenoid keratosis", "lichen planus-like keratosis"]),
        ("df", ["dermatofibroma", "dermatofibromas"]),
        ("mel", ["melanoma", "malignant melanoma", "melanoma, NOS", "melanoma in situ", "melanoma invasive",
            "malignant melanocytic proliferations (melanoma)"]),
        ("nv", ["nevus", "nevi", "naevus", "melanocytic nevi", "nevus, NOS"]),
        ("vasc", ["vascular lesions", "vascular skin lesions", "hemangioma", "angioma", "cherry angioma", "angiokeratoma", "pyogenic granuloma", "hemorrhage",
            "benign soft tissue proliferations - vascular"]),
    ];

    /// <summary>
    /// Diagnoses that are none of the seven classes; their images are left out. So are those of names in neither list, except in the names of class folders.
    /// </summary>
    public static IReadOnlyList<string> Others { get; } =
    [
        "SCC", "squamous cell carcinoma", "squamous cell carcinoma, NOS", "squamous cell carcinoma, invasive", "SCCKA", "keratoacanthoma",
        "melanoma metastasis",
        "atypical melanocytic proliferation", "atypical intraepithelial melanocytic proliferation", "lentigo NOS", "lentigo simplex", "cafe-au-lait macule",
        "scar", "verruca",
        "BEN_OTH", "MAL_OTH", "INF", "UNK", "unknown", "other",
    ];

    private static readonly Dictionary<string, int> Labels = Index();

    /// <summary>The label of a diagnosis, 0 to 6; <see cref="LeftOut"/> for one of <see cref="Others"/>; null for a name that is in no list.</summary>
    public static int? Find(string name)
    {
        return Labels.TryGetValue(Letters(name), out int label) ? label : null;
    }

    private static Dictionary<string, int> Index()
    {
        Dictionary<string, int> labels = [];
        foreach ((string code, IReadOnlyList<string> names) in Classes)
        {
            int label = LesionClasses.IndexOf(code);
            foreach (string name in names.Append(code).Append(LesionClasses.All[label].Name))
            {
                labels[Letters(name)] = label;
            }
        }

        foreach (string name in Others)
        {
            labels[Letters(name)] = LeftOut;
        }

        return labels;
    }

    private static string Letters(string name) => string.Concat(name.Where(char.IsAsciiLetter)).ToLowerInvariant();
}
