namespace Vivarium.Devices;

/// <summary>How an <see cref="E1000"/> shows itself.</summary>
public sealed record E1000Options
{
    /// <summary>Its Ethernet address. Default: the first of seed 0; machines of one network need different ones (<see cref="MacAddress.FromSeed"/>).</summary>
    public MacAddress Address { get; init; } = MacAddress.FromSeed(0);

    /// <summary>Frames for the guest that wait at most while it has no room, from 16. Default 4,096.</summary>
    public int WaitingFrames { get; init; } = 4_096;

    internal void Validate()
    {
        if (Address.IsMulticast || Address.Value == 0)
        {
            throw new ArgumentException($"{Address} is no address of a single station; take one of MacAddress.FromSeed.");
        }

        if (WaitingFrames < 16)
        {
            throw new ArgumentException($"At least 16 frames must be able to wait for the guest; got {WaitingFrames}.");
        }
    }
}
