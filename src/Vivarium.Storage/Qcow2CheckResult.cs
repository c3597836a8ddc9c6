namespace Vivarium.Storage;

/// <summary>What a check of a qcow2 image found.</summary>
public sealed class Qcow2CheckResult
{
    private const int MostProblems = 100;
    private readonly List<string> _problems = [];

    /// <summary>Places where the image contradicts itself and data may be lost by writing. Those that were repaired do not count.</summary>
    public long Corruptions { get; internal set; }

    /// <summary>Clusters that are counted and not used. Those that were freed do not count.</summary>
    public long LeakedClusters { get; internal set; }

    /// <summary>Corruptions that were repaired.</summary>
    public long CorruptionsRepaired { get; internal set; }

    /// <summary>Leaked clusters that were freed.</summary>
    public long LeaksRepaired { get; internal set; }

    /// <summary>Clusters of the disk that the image holds, compressed ones and zero clusters with storage among them.</summary>
    public long AllocatedClusters { get; internal set; }

    /// <summary>Clusters of the disk that are compressed.</summary>
    public long CompressedClusters { get; internal set; }

    /// <summary>The end of what is used of the file, in bytes.</summary>
    public long UsedEndBytes { get; internal set; }

    /// <summary>Whether nothing is wrong, leaks aside.</summary>
    public bool IsConsistent => Corruptions == 0;

    /// <summary>A sentence for each of the first hundred problems.</summary>
    public IReadOnlyList<string> Problems => _problems;

    internal void Add(string problem)
    {
        if (_problems.Count < MostProblems)
        {
            _problems.Add(problem);
        }
    }

    internal void AddCorruption(string problem)
    {
        Corruptions++;
        Add(problem);
    }
}
