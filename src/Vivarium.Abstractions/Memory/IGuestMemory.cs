namespace Vivarium;

/// <summary>
/// Guest RAM as devices and loaders see it (DMA view). All members may be called from any thread.
/// Accesses outside RAM fail whole: nothing is read or written. Writes mark pages dirty and invalidate translated code.
/// </summary>
public interface IGuestMemory
{
    /// <summary>Bytes of RAM, holes not counted.</summary>
    ulong RamSizeBytes { get; }

    /// <summary>Copies guest-physical bytes out; false if any of them is not RAM or ROM.</summary>
    bool TryRead(ulong gpa, Span<byte> destination);

    /// <summary>Copies bytes into guest RAM; false if any of them is not writable RAM.</summary>
    bool TryWrite(ulong gpa, ReadOnlySpan<byte> source);
}
