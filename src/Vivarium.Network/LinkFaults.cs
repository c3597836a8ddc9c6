namespace Vivarium.Network;

/// <summary>
/// What goes wrong on a link, in one direction. All follows from <see cref="Seed"/>: the same frames in the same order meet the same fate.
/// Frames are cut to the link's size and their checksums completed first, as on a real wire.
/// </summary>
public sealed record LinkFaults
{
    /// <summary>Chooses which frames are hit.</summary>
    public ulong Seed { get; init; }

    /// <summary>Chance that a frame is lost, 0 to 1.</summary>
    public double Loss { get; init; }

    /// <summary>Chance that a frame comes twice, 0 to 1.</summary>
    public double Duplication { get; init; }

    /// <summary>Chance that one bit of a frame is changed, 0 to 1.</summary>
    public double Corruption { get; init; }

    /// <summary>Chance that a frame is held back for <see cref="ReorderDelay"/>, so that later ones overtake it, 0 to 1.</summary>
    public double Reordering { get; init; }

    /// <summary>How long a frame to be overtaken is held back.</summary>
    public TimeSpan ReorderDelay { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>How long every frame is on its way.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>How much longer it may be, evenly spread. Frames do not overtake each other by it.</summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>Frames that may be on their way at once; more are dropped.</summary>
    public int QueueFrames { get; init; } = 16_384;

    internal void Validate()
    {
        foreach (var (chance, name) in ((double, string)[])[(Loss, nameof(Loss)), (Duplication, nameof(Duplication)), (Corruption, nameof(Corruption)), (Reordering, nameof(Reordering))])
        {
            if (!(chance >= 0 && chance <= 1))
            {
                throw new ArgumentOutOfRangeException(name, chance, $"{name} is a chance from 0 to 1.");
            }
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(ReorderDelay, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(Delay, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(Jitter, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(QueueFrames, 1);
    }
}
