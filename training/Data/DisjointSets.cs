namespace Lentigo.Training.Data;

/// <summary>Sets of numbers 0 to n - 1 that are joined pair by pair (Tarjan 1975): which images belong together.</summary>
internal sealed class DisjointSets(int count)
{
    private readonly int[] _parents = [.. Enumerable.Range(0, count)];

    /// <summary>Makes one set of the two that hold these numbers.</summary>
    public void Join(int a, int b) => _parents[Root(b)] = Root(a);

    /// <summary>A number that all of a set share.</summary>
    public int Root(int item)
    {
        while (_parents[item] != item)
        {
            item = _parents[item] = _parents[_parents[item]];
        }

        return item;
    }
}
