using System.Buffers;
using System.Numerics;

namespace Vivarium.Network.UserMode;

/// <summary>
/// A queue of bytes with room for bytes that come early. It grows up to its limit as it is filled, and holds no memory while it is empty. Not
/// thread-safe.
/// </summary>
internal sealed class ByteRing(int limitBytes)
{
    private const int LeastBytes = 4_096;

    private byte[] _buffer = [];
    private int _head;
    private int _extent;

    /// <summary>Bytes in the queue.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes that it can hold.</summary>
    public int LimitBytes => limitBytes;

    /// <summary>Bytes that still fit.</summary>
    public int Room => limitBytes - Count;

    /// <summary>Appends as much as fits; returns how much that is.</summary>
    public int Append(ReadOnlySpan<byte> data)
    {
        data = data[..Math.Min(data.Length, Room)];
        Put(Count, data);
        Count += data.Length;
        return data.Length;
    }

    /// <summary>Puts bytes <paramref name="offset"/> bytes behind the queue's front, at or beyond its end, all within the limit.</summary>
    public void Put(int offset, ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            return;
        }

        EnsureSize(offset + data.Length);
        var at = (_head + offset) & (_buffer.Length - 1);
        var first = Math.Min(data.Length, _buffer.Length - at);
        data[..first].CopyTo(_buffer.AsSpan(at));
        data[first..].CopyTo(_buffer);
        _extent = Math.Max(_extent, offset + data.Length);
    }

    /// <summary>Makes bytes that were put behind the end part of the queue.</summary>
    public void Commit(int count) => Count += count;

    /// <summary>Copies bytes that lie <paramref name="offset"/> bytes behind the front.</summary>
    public void CopyTo(int offset, Span<byte> destination)
    {
        if (destination.IsEmpty)
        {
            return;
        }

        var at = (_head + offset) & (_buffer.Length - 1);
        var first = Math.Min(destination.Length, _buffer.Length - at);
        _buffer.AsSpan(at, first).CopyTo(destination);
        _buffer.AsSpan(0, destination.Length - first).CopyTo(destination[first..]);
    }

    /// <summary>Takes bytes off the front.</summary>
    public void Discard(int count)
    {
        Count -= count;
        _extent -= count;
        if (_extent == 0)
        {
            Clear();
        }
        else
        {
            _head = (_head + count) & (_buffer.Length - 1);
        }
    }

    /// <summary>Empties it.</summary>
    public void Clear()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        _buffer = [];
        _head = _extent = Count = 0;
    }

    private void EnsureSize(int size)
    {
        if (size <= _buffer.Length)
        {
            return;
        }

        // The pool's arrays are powers of two from 16 bytes on, which the masks above rely on.
        var larger = ArrayPool<byte>.Shared.Rent((int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(LeastBytes, size)));
        if (!BitOperations.IsPow2(larger.Length))
        {
            larger = new byte[BitOperations.RoundUpToPowerOf2((uint)Math.Max(LeastBytes, size))];
        }

        var extent = _extent;
        var count = Count;
        CopyTo(0, larger.AsSpan(0, extent));
        Clear();
        _buffer = larger;
        _extent = extent;
        Count = count;
    }
}
