namespace Vivarium.Bus.Tests.Fakes;

/// <summary>A function that answers with the region's number and the offset, and records what was written.</summary>
internal sealed class TestFunction(IPciHost host, PciFunctionDescription description, string stateName = "test-function") : IPciFunction
{
    public IPciHost Host => host;

    public List<(int Bar, ulong Offset, int SizeBytes, ulong Value)> Writes { get; } = [];

    public List<bool> BusMasterChanges { get; } = [];

    public PciFunctionDescription Description => description;

    public string StateName => stateName;

    /// <summary>What a read of region <paramref name="bar"/> gives.</summary>
    public static ulong Answer(int bar, ulong offset) => ((ulong)bar << 28) | (offset & 0xFFF_FFFF);

    public IoResult ReadBar(int bar, ulong offset, int sizeBytes, out ulong value)
    {
        value = Answer(bar, offset);
        return IoResult.Ok;
    }

    public IoResult WriteBar(int bar, ulong offset, int sizeBytes, ulong value)
    {
        Writes.Add((bar, offset, sizeBytes, value));
        return IoResult.Ok;
    }

    public void BusMasterChanged(bool enabled)
    {
        Assert.Equal(enabled, host.IsBusMaster);
        BusMasterChanges.Add(enabled);
    }

    public void Reset()
    {
    }

    public void Save(StateWriter writer)
    {
    }

    public void Restore(StateReader reader)
    {
    }
}
