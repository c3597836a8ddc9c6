using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <summary>Writes an answer into a buffer that is large enough for any but those that check <see cref="Left"/>.</summary>
internal ref struct MessageWriter(Span<byte> buffer)
{
    public const int HeaderBytes = 7;
    public const int QidBytes = 13;

    private readonly Span<byte> _buffer = buffer;

    /// <summary>How many bytes the message has so far, its header included.</summary>
    public int Length { get; private set; } = HeaderBytes;

    /// <summary>How many more fit.</summary>
    public readonly int Left => _buffer.Length - Length;

    public void Byte(byte value) => Take(1)[0] = value;

    public void UInt16(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Take(2), value);

    public void UInt32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Take(4), value);

    public void UInt64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Take(8), value);

    public void Text(scoped ReadOnlySpan<byte> text)
    {
        UInt16((ushort)text.Length);
        text.CopyTo(Take(text.Length));
    }

    public void Qid(Qid qid)
    {
        Byte(qid.Kind);
        UInt32(qid.Version);
        UInt64(qid.Path);
    }

    /// <summary>Reserves bytes, to be filled in later.</summary>
    public Span<byte> Take(int count)
    {
        var taken = _buffer.Slice(Length, count);
        Length += count;
        return taken;
    }

    /// <summary>Forgets the answer, so that another can be written.</summary>
    public void Restart() => Length = HeaderBytes;

    /// <summary>Fills in the header for a message of <paramref name="sizeBytes"/>, all of it.</summary>
    public readonly void Finish(byte kind, ushort tag, int sizeBytes)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_buffer, sizeBytes);
        _buffer[4] = kind;
        BinaryPrimitives.WriteUInt16LittleEndian(_buffer[5..], tag);
    }
}
