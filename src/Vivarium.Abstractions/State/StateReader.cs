using System.Buffers.Binary;

namespace Vivarium;

/// <summary>Reads one state unit's fields as <see cref="StateWriter"/> wrote them, in any order. Not thread-safe.</summary>
public sealed class StateReader
{
    private readonly Dictionary<ushort, ReadOnlyMemory<byte>> _fields = [];
    private readonly string _unit;

    /// <summary>Parses <paramref name="fields"/>, written by version <paramref name="version"/> of the unit named <paramref name="unit"/>.</summary>
    /// <exception cref="StateFormatException">The fields are cut off or one stands twice.</exception>
    public StateReader(string unit, int version, ReadOnlyMemory<byte> fields)
    {
        _unit = unit;
        Version = version;
        while (!fields.IsEmpty)
        {
            var span = fields.Span;
            var length = span.Length >= 6 ? BinaryPrimitives.ReadInt32LittleEndian(span[2..]) : -1;
            if (length < 0 || length > span.Length - 6)
            {
                throw new StateFormatException($"The saved state of '{unit}' is cut off.");
            }

            if (!_fields.TryAdd(BinaryPrimitives.ReadUInt16LittleEndian(span), fields.Slice(6, length)))
            {
                throw new StateFormatException($"The saved state of '{unit}' holds field {BinaryPrimitives.ReadUInt16LittleEndian(span)} twice.");
            }

            fields = fields[(6 + length)..];
        }
    }

    /// <summary>The version of the unit that wrote the fields.</summary>
    public int Version { get; }

    /// <summary>Whether the field is there: a newer version's field is absent from an older file.</summary>
    public bool Has(ushort tag) => _fields.ContainsKey(tag);

    /// <summary>Reads an unsigned integer field.</summary>
    public ulong ReadUInt64(ushort tag) => BinaryPrimitives.ReadUInt64LittleEndian(Fixed(tag, sizeof(ulong)));

    /// <summary>Reads a signed integer field.</summary>
    public long ReadInt64(ushort tag) => unchecked((long)ReadUInt64(tag));

    /// <summary>Reads an integer field that must lie within <paramref name="minimum"/> and <paramref name="maximum"/>.</summary>
    public int ReadInt32(ushort tag, int minimum = int.MinValue, int maximum = int.MaxValue)
    {
        var value = ReadInt64(tag);
        return value >= minimum && value <= maximum ? (int)value : throw Invalid(tag);
    }

    /// <summary>Reads an integer field that must fit in 32 unsigned bits.</summary>
    public uint ReadUInt32(ushort tag)
    {
        var value = ReadUInt64(tag);
        return value <= uint.MaxValue ? (uint)value : throw Invalid(tag);
    }

    /// <summary>Reads an integer field that must fit in 16 unsigned bits.</summary>
    public ushort ReadUInt16(ushort tag) => (ushort)ReadInt32(tag, 0, ushort.MaxValue);

    /// <summary>Reads an integer field that must fit in 8 unsigned bits.</summary>
    public byte ReadByte(ushort tag) => (byte)ReadInt32(tag, 0, byte.MaxValue);

    /// <summary>Reads a truth value.</summary>
    public bool ReadBoolean(ushort tag) => ReadInt32(tag, 0, 1) == 1;

    /// <summary>Reads a field of any length.</summary>
    public ReadOnlySpan<byte> ReadBytes(ushort tag) => Find(tag).Span;

    /// <summary>Reads a field that must fill <paramref name="destination"/> exactly.</summary>
    public void ReadBytes(ushort tag, Span<byte> destination) => Fixed(tag, destination.Length).CopyTo(destination);

    /// <summary>The exception for a field whose value is impossible.</summary>
    public StateFormatException Invalid(ushort tag) => new($"Field {tag} in the saved state of '{_unit}' has an impossible value.");

    private ReadOnlySpan<byte> Fixed(ushort tag, int lengthBytes)
    {
        var field = Find(tag).Span;
        return field.Length == lengthBytes ? field : throw Invalid(tag);
    }

    private ReadOnlyMemory<byte> Find(ushort tag) =>
        _fields.TryGetValue(tag, out var field) ? field : throw new StateFormatException($"The saved state of '{_unit}' lacks field {tag}.");
}
