namespace Vivarium;

/// <summary>
/// A stretch of RAM below 1 MiB with ROM behind it: the chipset says which of both a guest sees. Called with the device lock held, or while all
/// vCPUs are parked.
/// </summary>
public interface IShadowRam
{
    /// <summary>Chooses what the guest sees from its next instruction boundary on.</summary>
    /// <param name="readsRam">Reads come from RAM, not from the ROM.</param>
    /// <param name="writesRam">Writes go to RAM. While reads come from the ROM they go nowhere, as in QEMU.</param>
    void SetAccess(bool readsRam, bool writesRam);
}
