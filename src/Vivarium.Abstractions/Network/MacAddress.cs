using System.Buffers.Binary;
using System.Globalization;

namespace Vivarium;

/// <summary>An Ethernet address of 48 bits.</summary>
public readonly record struct MacAddress
{
    /// <summary>The bits of <see cref="Value"/>.</summary>
    private const ulong Mask = 0xFFFF_FFFF_FFFF;

    /// <summary>Creates an address from 48 bits, the first byte on the wire in bits 40 to 47.</summary>
    public MacAddress(ulong value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, Mask);
        Value = value;
    }

    /// <summary>All ones: everybody.</summary>
    public static MacAddress Broadcast => new(Mask);

    /// <summary>The address as a number, the first byte on the wire in bits 40 to 47.</summary>
    public ulong Value { get; }

    /// <summary>Whether it names a group, everybody included.</summary>
    public bool IsMulticast => (Value & 0x0100_0000_0000) != 0;

    /// <summary>
    /// The address number <paramref name="index"/> of a seed: locally administered, unicast, the same in every run. Two of the same seed never
    /// meet within 2^24 indexes; two of different seeds hardly ever.
    /// </summary>
    public static MacAddress FromSeed(ulong seed, int index = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, 0xFF_FFFF);

        // The finaliser of SplitMix64: every bit of the seed reaches every bit of the address.
        var mixed = seed + 0x9E37_79B9_7F4A_7C15;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58_476D_1CE4_E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D0_49BB_1331_11EB;
        mixed ^= mixed >> 31;
        var address = ((mixed >> 16) & ~0xFF_FFFFUL) | ((mixed + (ulong)index) & 0xFF_FFFF);
        return new MacAddress((address & 0xFCFF_FFFF_FFFF) | 0x0200_0000_0000);
    }

    /// <summary>Reads six bytes.</summary>
    public static MacAddress Read(ReadOnlySpan<byte> source) =>
        new(((ulong)BinaryPrimitives.ReadUInt16BigEndian(source) << 32) | BinaryPrimitives.ReadUInt32BigEndian(source[2..]));

    /// <summary>Reads <c>02:00:5e:10:00:ff</c>, with colons or dashes.</summary>
    /// <exception cref="FormatException">It is nothing of the kind.</exception>
    public static MacAddress Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split(':', '-');
        var value = 0UL;
        foreach (var part in parts)
        {
            if (parts.Length != 6 || part.Length != 2 || !byte.TryParse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var octet))
            {
                throw new FormatException($"'{text}' is no Ethernet address; write it as 02:00:5e:10:00:ff.");
            }

            value = (value << 8) | octet;
        }

        return new MacAddress(value);
    }

    /// <summary>Writes six bytes.</summary>
    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt16BigEndian(destination, (ushort)(Value >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(destination[2..], (uint)Value);
    }

    /// <summary>Colons and small letters.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Value >> 40:x2}:{(Value >> 32) & 0xFF:x2}:{(Value >> 24) & 0xFF:x2}:{(Value >> 16) & 0xFF:x2}:{(Value >> 8) & 0xFF:x2}:{Value & 0xFF:x2}");
}
