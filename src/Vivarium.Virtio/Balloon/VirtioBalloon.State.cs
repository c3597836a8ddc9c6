using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <content>Asking for statistics, save and restore.</content>
public sealed partial class VirtioBalloon
{
    /// <summary>Whether the driver has been given its buffer to fill in anew.</summary>
    private bool _statisticsAsked;

    /// <inheritdoc/>
    public override void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        base.Save(writer);
        writer.Write(16, Configuration);
        writer.Write(17, _statisticsAsked);
        if (_statisticsChain is not null)
        {
            writer.Write(18, HeldChain.Save(_statisticsChain));
        }
    }

    /// <inheritdoc/>
    public override void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        base.Restore(reader);
        reader.ReadBytes(16, Configuration);
        Volatile.Write(ref _targetBytes, (long)BinaryPrimitives.ReadUInt32LittleEndian(Configuration) << PageShift);
        NoteInflated();
        _statisticsAsked = reader.ReadBoolean(17);
        if (reader.Has(18))
        {
            _statisticsChain = HeldChain.Restore(Queues[StatisticsQueue], reader.ReadBytes(18)) ?? throw reader.Invalid(18);
        }
    }

    /// <inheritdoc/>
    protected override void OnMemoryUsable() => AskForStatistics();

    /// <summary>Gives the driver its buffer back, which asks it to fill it in.</summary>
    private void AskForStatistics()
    {
        var queue = Queues[StatisticsQueue];
        if (_statisticsWaiters.Count > 0 && _statisticsChain is { } chain && CanUseMemory && queue.IsUsable)
        {
            _statisticsChain = null;
            _statisticsAsked = true;
            queue.Complete(chain, 0);
            queue.SignalDriver();
        }
    }
}
