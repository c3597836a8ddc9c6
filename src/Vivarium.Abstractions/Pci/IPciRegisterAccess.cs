namespace Vivarium;

/// <summary>
/// A function's part in accesses to a <see cref="PciCapability"/>'s body or to <see cref="PciRegisters"/>. The bus keeps the bytes; this can
/// fill them in before the guest reads, and act after it has written. Called with the device lock held.
/// </summary>
public interface IPciRegisterAccess
{
    /// <summary>
    /// The guest is about to read <paramref name="sizeBytes"/> (1 to 4) bytes at <paramref name="offset"/>; what is put into
    /// <paramref name="registers"/> now is what it reads.
    /// </summary>
    /// <param name="registers">The body or registers as they are.</param>
    /// <param name="offset">From the start of <paramref name="registers"/>; the bytes lie within.</param>
    /// <param name="sizeBytes">How many.</param>
    void Reading(Span<byte> registers, int offset, int sizeBytes);

    /// <summary>The guest has written <paramref name="sizeBytes"/> (1 to 4) bytes at <paramref name="offset"/>; only writable bits have changed.</summary>
    /// <param name="registers">The body or registers after the write.</param>
    /// <param name="offset">From the start of <paramref name="registers"/>; the bytes lie within.</param>
    /// <param name="sizeBytes">How many.</param>
    void Written(Span<byte> registers, int offset, int sizeBytes);
}
