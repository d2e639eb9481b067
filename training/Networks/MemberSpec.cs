namespace Lentigo.Training.Networks;

/// <summary>A member of the ensemble to train.</summary>
/// <param name="Name">Its name, unique in the ensemble: the architecture's, with <c>@seed</c> where the seed was given.</param>
/// <param name="Architecture">The network.</param>
/// <param name="Seed">The seed of its weights, batches and augmentation.</param>
internal sealed record MemberSpec(string Name, MemberArchitecture Architecture, int Seed)
{
    private const string PretrainingSuffix = ".pretraining";

    /// <summary>The pretraining of this member; its checkpoints and log records have this name.</summary>
    public MemberSpec OfPretraining() => this with { Name = Name + PretrainingSuffix };

    /// <summary>Whether a name is that of a pretraining.</summary>
    public static bool IsPretraining(string name)
    {
        return name.EndsWith(PretrainingSuffix, StringComparison.Ordinal);
    }

    /// <summary>Reads <c>resnet18,mobilenet_v2,resnet18@7</c>.</summary>
    /// <exception cref="TrainingException">A name is unknown or given twice, or a seed is no number.</exception>
    public static IReadOnlyList<MemberSpec> Parse(string list, int seed)
    {
        List<MemberSpec> members = [];
        foreach (string name in list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] parts = name.Split('@');
            int memberSeed = seed;
            if (parts.Length > 2 || (parts.Length == 2 && !int.TryParse(parts[1], out memberSeed)))
            {
                throw new TrainingException($"The member '{name}' is not understood; write a name, or a name and a seed such as resnet18@7.");
            }

            members.Add(new(name, MemberRegistry.Find(parts[0]), memberSeed));
        }

        string? twice = members.GroupBy(m => m.Name).FirstOrDefault(g => g.Count() > 1)?.Key;
        return (members.Count, twice) switch
        {
            (0, _) => throw new TrainingException("No members were named. Write --members resnet18,mobilenet_v2."),
            (_, not null) => throw new TrainingException($"The member '{twice}' is named twice; give one of them another seed, such as {twice}@2."),
            _ => members,
        };
    }
}
