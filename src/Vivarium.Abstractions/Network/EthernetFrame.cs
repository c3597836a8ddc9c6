using System.Diagnostics.CodeAnalysis;

namespace Vivarium;

/// <summary>
/// An Ethernet frame, without its check sequence, in a buffer of a <see cref="FramePool"/>. It begins with one reference; the last one given
/// back returns it to its pool. While it is shared nobody writes to it, and whoever sent it never does again. Taking and giving back
/// references is safe on any thread, writing is the one holder's.
/// </summary>
public sealed class EthernetFrame
{
    /// <summary>Bytes that can be put in front of a fresh frame without moving it.</summary>
    public const int HeadroomBytes = 16;

    /// <summary>The longest frame: the largest IP packet behind an Ethernet header with a VLAN tag.</summary>
    public const int MaxLengthBytes = 65_535 + 18;

    private readonly byte[] _buffer;
    private int _start;
    private int _references;

    internal EthernetFrame(FramePool pool, int sizeClass, int capacityBytes)
    {
        Pool = pool;
        SizeClass = sizeClass;
        _buffer = GC.AllocateUninitializedArray<byte>(HeadroomBytes + capacityBytes);
    }

    /// <summary>The pool it goes back to.</summary>
    public FramePool Pool { get; }

    /// <summary>Bytes of the frame.</summary>
    public int Length { get; private set; }

    /// <summary>What its sender left to do.</summary>
    public FrameOffload Offload { get; set; }

    /// <summary>The frame's bytes, to read.</summary>
    public ReadOnlySpan<byte> Data => new(_buffer, _start, Length);

    /// <summary>The frame's bytes, to write: by its only holder, before it is sent. A fresh frame holds another's bytes until then.</summary>
    public Span<byte> Span => new(_buffer, _start, Length);

    /// <summary>The frame's bytes as memory, for sockets and streams.</summary>
    public ReadOnlyMemory<byte> Memory => new(_buffer, _start, Length);

    /// <summary>Bytes by which it can grow at its front.</summary>
    public int FrontRoomBytes => Math.Min(_start, MaxLengthBytes - Length);

    /// <summary>Whether somebody else holds it too.</summary>
    public bool IsShared => Volatile.Read(ref _references) != 1;

    internal int SizeClass { get; }

    /// <summary>Takes another reference.</summary>
    public void AddReference() => Interlocked.Increment(ref _references);

    /// <summary>Gives one reference back.</summary>
    /// <exception cref="InvalidOperationException">All had been given back.</exception>
    public void Release()
    {
        if (DropReference())
        {
            Pool.Return(this);
        }
    }

    /// <summary>Gives one reference of each frame back.</summary>
    public static void Release(ReadOnlySpan<EthernetFrame> frames)
    {
        // Neighbours nearly always go to the same place, and one lock then serves them all.
        while (!frames.IsEmpty)
        {
            var first = frames[0];
            var count = 0;
            while (count < frames.Length && ReferenceEquals(frames[count].Pool, first.Pool) && frames[count].SizeClass == first.SizeClass)
            {
                count++;
            }

            first.Pool.Release(frames[..count]);
            frames = frames[count..];
        }
    }

    /// <summary>Shortens the frame to its first <paramref name="lengthBytes"/> bytes. For its only holder.</summary>
    public void Truncate(int lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(lengthBytes, Length);
        Length = lengthBytes;
    }

    /// <summary>Cuts <paramref name="lengthBytes"/> bytes off its front. For its only holder.</summary>
    public void TrimFront(int lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(lengthBytes, Length);
        _start += lengthBytes;
        Length -= lengthBytes;
    }

    /// <summary>Grows the frame by <paramref name="lengthBytes"/> bytes, undefined, at its front. For its only holder.</summary>
    /// <exception cref="ArgumentOutOfRangeException">More than <see cref="FrontRoomBytes"/>.</exception>
    public void GrowFront(int lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(lengthBytes, FrontRoomBytes);
        _start -= lengthBytes;
        Length += lengthBytes;
    }

    /// <summary>A copy of its own, with the same offload.</summary>
    public EthernetFrame Copy()
    {
        var copy = Pool.Rent(Length);
        Data.CopyTo(copy.Span);
        copy.Offload = Offload;
        return copy;
    }

    internal void Begin(int lengthBytes)
    {
        _start = HeadroomBytes;
        Length = lengthBytes;
        Offload = default;
        Volatile.Write(ref _references, 1);
    }

    internal bool DropReference()
    {
        // Whoever holds the only reference needs no interlocked operation: nobody else can take one.
        if (Volatile.Read(ref _references) == 1)
        {
            _references = 0;
            return true;
        }

        var left = Interlocked.Decrement(ref _references);
        if (left < 0)
        {
            ThrowReleased();
        }

        return left == 0;
    }

    [DoesNotReturn]
    private static void ThrowReleased() =>
        throw new InvalidOperationException("A frame was given back more often than it was taken: each reference is released or sent once.");
}
