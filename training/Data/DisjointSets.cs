namespace Lentigo.Training.Data;

/// <summary>Union-find (Tarjan 1975) over the numbers 0 to n - 1.</summary>
internal sealed class DisjointSets(int count)
{
    private readonly int[] _parents = [.. Enumerable.Range(0, count)];

    /// <summary>Merges the sets of two numbers.</summary>
    public void Join(int a, int b) => _parents[Root(b)] = Root(a);

    /// <summary>The representative of a number's set.</summary>
    public int Root(int item)
    {
        while (_parents[item] != item)
        {
            item = _parents[item] = _parents[_parents[item]];
        }

        return item;
    }
}
