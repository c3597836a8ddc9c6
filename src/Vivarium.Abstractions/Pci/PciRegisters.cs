namespace Vivarium;

/// <summary>Registers of a function's own at a fixed place in its configuration space. The bus saves them.</summary>
public sealed class PciRegisters
{
    /// <summary>Describes registers.</summary>
    /// <param name="offset">Where they are, 0x40 to 0xFFF; those from 0x100 are reached through the memory window (ECAM) alone.</param>
    /// <param name="values">What they hold after a reset.</param>
    /// <param name="writableBits">Which bits the guest can write; as long as <paramref name="values"/>, or empty if none.</param>
    /// <param name="access">Takes part in accesses. Default nobody: plain registers.</param>
    public PciRegisters(int offset, ReadOnlySpan<byte> values, ReadOnlySpan<byte> writableBits = default, IPciRegisterAccess? access = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(offset, 0x40);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, 0x1000 - values.Length);
        if (!writableBits.IsEmpty && writableBits.Length != values.Length)
        {
            throw new ArgumentException($"The writable bits must be as many bytes as the values, {values.Length}, or none; got {writableBits.Length}.", nameof(writableBits));
        }

        Offset = offset;
        Values = values.ToArray();
        WritableBits = writableBits.IsEmpty ? new byte[values.Length] : writableBits.ToArray();
        Access = access;
    }

    /// <summary>Where they are in configuration space.</summary>
    public int Offset { get; }

    /// <summary>What they hold after a reset.</summary>
    public ReadOnlyMemory<byte> Values { get; }

    /// <summary>Which bits the guest can write.</summary>
    public ReadOnlyMemory<byte> WritableBits { get; }

    /// <summary>Takes part in accesses; null for plain registers.</summary>
    public IPciRegisterAccess? Access { get; }
}
