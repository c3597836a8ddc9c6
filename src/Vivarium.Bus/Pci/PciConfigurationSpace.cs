using System.Buffers.Binary;

namespace Vivarium.Bus;

/// <summary>
/// The bytes of one function's configuration space with their write masks, and the areas that somebody takes part in. Made once; then the
/// guest reads and writes at any offset and width. Device lock held.
/// </summary>
internal sealed class PciConfigurationSpace(int sizeBytes)
{
    private readonly byte[] _initial = new byte[sizeBytes];
    private readonly byte[] _writable = new byte[sizeBytes];
    private readonly byte[] _values = new byte[sizeBytes];
    private readonly bool[] _taken = new bool[sizeBytes];
    private readonly List<Area> _areas = [];

    public int SizeBytes => _values.Length;

    /// <summary>What the registers hold now; writing here goes past the masks.</summary>
    public Span<byte> Values => _values;

    /// <summary>Sets what a register holds after a reset and which of its bits the guest can write.</summary>
    public void Define(int offset, ReadOnlySpan<byte> values, ReadOnlySpan<byte> writableBits, IPciRegisterAccess? access = null)
    {
        if (_taken.AsSpan(offset, values.Length).Contains(true))
        {
            throw new ArgumentException($"Registers at 0x{offset:X}-0x{offset + values.Length - 1:X} of a PCI function overlap others. Move them.");
        }

        _taken.AsSpan(offset, values.Length).Fill(true);
        values.CopyTo(_initial.AsSpan(offset));
        writableBits.CopyTo(_writable.AsSpan(offset));
        if (access is not null && !values.IsEmpty)
        {
            _areas.Add(new Area(offset, values.Length, access));
        }
    }

    /// <summary>Sets an integer register of <paramref name="lengthBytes"/> bytes.</summary>
    public void Define(int offset, int lengthBytes, ulong value, ulong writableBits = 0)
    {
        Span<byte> bytes = stackalloc byte[2 * sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[sizeof(ulong)..], writableBits);
        Define(offset, bytes[..lengthBytes], bytes.Slice(sizeof(ulong), lengthBytes));
    }

    /// <summary>Finds a free stretch from 0x40 whose start is a multiple of four; −1 if there is none below 0x100.</summary>
    public int FindFree(int lengthBytes)
    {
        for (var offset = PciRegister.HeaderEnd; offset + lengthBytes <= PciRegister.SpaceBytes; offset += sizeof(uint))
        {
            if (!_taken.AsSpan(offset, lengthBytes).Contains(true))
            {
                return offset;
            }
        }

        return -1;
    }

    public ushort ReadUInt16(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(_values.AsSpan(offset));

    public uint ReadUInt32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_values.AsSpan(offset));

    public void Reset() => _initial.CopyTo(_values, 0);

    /// <summary>Reads as the guest does; what lies beyond the space reads as ones.</summary>
    public uint Read(int offset, int sizeBytes)
    {
        foreach (var area in _areas)
        {
            if (area.TryOverlap(offset, sizeBytes, out var from, out var count))
            {
                area.Access.Reading(_values.AsSpan(area.Offset, area.Length), from, count);
            }
        }

        var value = 0u;
        for (var i = 0; i < sizeBytes; i++)
        {
            value |= (offset + i < _values.Length ? _values[offset + i] : (uint)byte.MaxValue) << (8 * i);
        }

        return value;
    }

    /// <summary>Writes as the guest does: writable bits alone change.</summary>
    public void Write(int offset, int sizeBytes, uint value)
    {
        for (var i = offset; i < Math.Min(offset + sizeBytes, _values.Length); i++)
        {
            _values[i] = Masked(i, (byte)(value >> (8 * (i - offset))));
        }

        foreach (var area in _areas)
        {
            if (area.TryOverlap(offset, sizeBytes, out var from, out var count))
            {
                area.Access.Written(_values.AsSpan(area.Offset, area.Length), from, count);
            }
        }
    }

    /// <summary>Takes saved bytes: those of areas as they are, as their owners may change them, of all others the writable bits.</summary>
    public void Restore(ReadOnlySpan<byte> saved)
    {
        Reset();
        for (var i = 0; i < saved.Length; i++)
        {
            _values[i] = Masked(i, saved[i]);
        }

        foreach (var area in _areas)
        {
            saved.Slice(area.Offset, area.Length).CopyTo(_values.AsSpan(area.Offset));
        }
    }

    private byte Masked(int offset, byte value) => (byte)((_values[offset] & ~_writable[offset]) | (value & _writable[offset]));

    private sealed record Area(int Offset, int Length, IPciRegisterAccess Access)
    {
        public bool TryOverlap(int offset, int sizeBytes, out int from, out int count)
        {
            from = Math.Max(offset - Offset, 0);
            count = Math.Min(offset + sizeBytes - Offset, Length) - from;
            return count > 0;
        }
    }
}
