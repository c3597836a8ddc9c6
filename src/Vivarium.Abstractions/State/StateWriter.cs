using System.Buffers;
using System.Buffers.Binary;

namespace Vivarium;

/// <summary>
/// Writes one state unit's fields. Each field is a tag (1 to 65,535, unique in its unit), a length and bytes, little-endian,
/// so that readers of other versions can skip what they do not know. Not thread-safe.
/// </summary>
public sealed class StateWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new();

    /// <summary>All fields written so far.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _buffer.WrittenMemory;

    /// <summary>Writes an unsigned integer field of 8 bytes.</summary>
    public void Write(ushort tag, ulong value)
    {
        var field = Field(tag, sizeof(ulong));
        BinaryPrimitives.WriteUInt64LittleEndian(field, value);
        _buffer.Advance(sizeof(ulong));
    }

    /// <summary>Writes a signed integer field of 8 bytes.</summary>
    public void Write(ushort tag, long value) => Write(tag, unchecked((ulong)value));

    /// <summary>Writes a truth value as an integer field.</summary>
    public void Write(ushort tag, bool value) => Write(tag, value ? 1UL : 0UL);

    /// <summary>Writes a field of any bytes.</summary>
    public void Write(ushort tag, ReadOnlySpan<byte> value)
    {
        value.CopyTo(Field(tag, value.Length));
        _buffer.Advance(value.Length);
    }

    private Span<byte> Field(ushort tag, int lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfZero(tag);
        var header = _buffer.GetSpan(6);
        BinaryPrimitives.WriteUInt16LittleEndian(header, tag);
        BinaryPrimitives.WriteInt32LittleEndian(header[2..], lengthBytes);
        _buffer.Advance(6);
        return _buffer.GetSpan(lengthBytes)[..lengthBytes];
    }
}
