using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Adds up how often the interpreter ran instructions for emitted code, across emptied caches. Under the cache's gate.</summary>
internal sealed class RecordCounts
{
    private readonly Dictionary<Mnemonic, long> _interpreted = [];
    private readonly Dictionary<Mnemonic, long> _slowPaths = [];

    public IReadOnlyList<KeyValuePair<string, long>> Interpreted => Sorted(_interpreted);

    public IReadOnlyList<KeyValuePair<string, long>> SlowPaths => Sorted(_slowPaths);

    public void Add(in OpRecord record)
    {
        if (record.Hits != 0)
        {
            var counts = (record.Properties & OpRecordFlags.NotLowered) != 0 ? _interpreted : _slowPaths;
            var mnemonic = ((Code)record.IcedCode).Mnemonic();
            counts[mnemonic] = counts.GetValueOrDefault(mnemonic) + record.Hits;
        }
    }

    public void Add(RecordCounts other)
    {
        Add(_interpreted, other._interpreted);
        Add(_slowPaths, other._slowPaths);
    }

    private static void Add(Dictionary<Mnemonic, long> counts, Dictionary<Mnemonic, long> others)
    {
        foreach (var (mnemonic, count) in others)
        {
            counts[mnemonic] = counts.GetValueOrDefault(mnemonic) + count;
        }
    }

    private static List<KeyValuePair<string, long>> Sorted(Dictionary<Mnemonic, long> counts) =>
        [.. counts.Select(each => KeyValuePair.Create(each.Key.ToString().ToUpperInvariant(), each.Value)).OrderByDescending(each => each.Value)];
}
