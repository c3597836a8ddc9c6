namespace Vivarium;

/// <summary>A capability in the list of a function's configuration space (PCI Local Bus 3.0 §6.7). The bus places it, links it and saves it.</summary>
public sealed class PciCapability
{
    /// <summary>The ID of vendor-specific capabilities, whose first byte is their length with ID and link.</summary>
    public const byte VendorSpecificId = 0x09;

    /// <summary>Describes a capability.</summary>
    /// <param name="id">Its ID.</param>
    /// <param name="body">What follows ID and link, after a reset: 0 to 190 bytes.</param>
    /// <param name="writableBits">Which bits of <paramref name="body"/> the guest can write; as long as it, or empty if none.</param>
    /// <param name="access">Takes part in accesses to the body. Default nobody: plain registers.</param>
    public PciCapability(byte id, ReadOnlySpan<byte> body, ReadOnlySpan<byte> writableBits = default, IPciRegisterAccess? access = null)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(body.Length, 190, nameof(body));
        if (!writableBits.IsEmpty && writableBits.Length != body.Length)
        {
            throw new ArgumentException($"The writable bits must be as many bytes as the body, {body.Length}, or none; got {writableBits.Length}.", nameof(writableBits));
        }

        Id = id;
        Body = body.ToArray();
        WritableBits = writableBits.IsEmpty ? new byte[body.Length] : writableBits.ToArray();
        Access = access;
    }

    /// <summary>The capability's ID.</summary>
    public byte Id { get; }

    /// <summary>What follows ID and link, after a reset.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>Which bits of <see cref="Body"/> the guest can write.</summary>
    public ReadOnlyMemory<byte> WritableBits { get; }

    /// <summary>Takes part in accesses to the body; null for plain registers.</summary>
    public IPciRegisterAccess? Access { get; }
}
