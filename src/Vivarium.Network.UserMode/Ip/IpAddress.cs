using System.Buffers.Binary;
using System.Net;

namespace Vivarium.Network.UserMode;

/// <summary>An IPv4 or IPv6 address as a value: IPv4 as it is mapped into IPv6 (RFC 4291 §2.5.5.2).</summary>
internal readonly record struct IpAddress
{
    private readonly UInt128 _value;

    private IpAddress(UInt128 value)
    {
        _value = value;
    }

    public bool IsV4 => _value >> 32 == 0xFFFF;

    public int LengthBytes => IsV4 ? 4 : 16;

    /// <summary>The address of IPv4 as a number.</summary>
    public uint V4 => (uint)_value;

    public bool IsUnspecified => _value == 0 || _value == (UInt128)0xFFFF << 32;

    public bool IsMulticast => IsV4 ? V4 >> 28 == 0xE : _value >> 120 == 0xFF;

    public bool IsLinkLocal6 => _value >> 118 == 0xFE80 >> 6;

    public static IpAddress FromV4(uint value) => new(((UInt128)0xFFFF << 32) | value);

    public static IpAddress From(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out var count);
        return Read(bytes[..count]);
    }

    /// <summary>Reads 4 or 16 bytes.</summary>
    public static IpAddress Read(ReadOnlySpan<byte> bytes) =>
        bytes.Length == 4 ? FromV4(BinaryPrimitives.ReadUInt32BigEndian(bytes)) : new IpAddress(BinaryPrimitives.ReadUInt128BigEndian(bytes));

    /// <summary>Writes 4 or 16 bytes.</summary>
    public void Write(Span<byte> destination)
    {
        if (IsV4)
        {
            BinaryPrimitives.WriteUInt32BigEndian(destination, V4);
        }
        else
        {
            BinaryPrimitives.WriteUInt128BigEndian(destination, _value);
        }
    }

    /// <summary>Whether the first bits are those of another address of the same kind.</summary>
    public bool IsIn(IpAddress network, int prefixLength)
    {
        if (IsV4 != network.IsV4)
        {
            return false;
        }

        var bits = IsV4 ? 96 + prefixLength : prefixLength;
        return bits == 0 || (_value ^ network._value) >> (128 - bits) == 0;
    }

    /// <summary>The address number <paramref name="offset"/> of the network that this one begins.</summary>
    public IpAddress Plus(uint offset) => new(_value + offset);

    public IPAddress ToIPAddress()
    {
        Span<byte> bytes = stackalloc byte[16];
        Write(bytes);
        return new IPAddress(bytes[..LengthBytes]);
    }

    public override string ToString() => ToIPAddress().ToString();
}
