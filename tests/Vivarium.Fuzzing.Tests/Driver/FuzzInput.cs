using System.Buffers.Binary;

namespace Vivarium.Fuzzing.Tests;

/// <summary>Reads an input as a sequence of choices; zeros follow its end.</summary>
internal ref struct FuzzInput(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public readonly bool IsEmpty => _rest.IsEmpty;

    public byte U8() => (byte)Take(1);

    public ushort U16() => (ushort)Take(2);

    public uint U32() => (uint)Take(4);

    public ulong U64() => Take(8);

    /// <summary>A number below <paramref name="count"/>.</summary>
    public int Below(int count) => count <= 256 ? U8() % count : (int)(U16() % (uint)count);

    public ReadOnlySpan<byte> Bytes(int length)
    {
        var taken = _rest[..Math.Min(length, _rest.Length)];
        _rest = _rest[taken.Length..];
        return taken;
    }

    private ulong Take(int length)
    {
        Span<byte> value = stackalloc byte[8];
        value.Clear();
        Bytes(length).CopyTo(value);
        return BinaryPrimitives.ReadUInt64LittleEndian(value);
    }
}
