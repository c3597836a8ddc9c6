using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <summary>Reads the fields of a message. What is missing reads as zero, and <see cref="IsValid"/> tells.</summary>
internal ref struct MessageReader(ReadOnlySpan<byte> fields)
{
    private ReadOnlySpan<byte> _rest = fields;

    /// <summary>Whether all fields read so far were there.</summary>
    public bool IsValid { get; private set; } = true;

    public byte Byte() => Take(1)[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>A string of two bytes' length, in whatever encoding.</summary>
    public ReadOnlySpan<byte> Text()
    {
        var length = UInt16();
        if (length > _rest.Length)
        {
            IsValid = false;
            return default;
        }

        var text = _rest[..length];
        _rest = _rest[length..];
        return text;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length)
        {
            IsValid = false;
            _rest = default;
            return "\0\0\0\0\0\0\0\0"u8[..count];
        }

        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
