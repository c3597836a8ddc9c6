namespace Vivarium.X86;

/// <summary>Guest code in one piece.</summary>
/// <param name="Address">Where its first byte is in the guest.</param>
/// <param name="Bytes">Its bytes.</param>
public sealed record GuestCode(ulong Address, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Whether an address is in it.</summary>
    public bool Contains(ulong address) => address >= Address && address - Address < (ulong)Bytes.Length;
}
