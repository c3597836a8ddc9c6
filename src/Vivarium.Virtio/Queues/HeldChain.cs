using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <summary>Saves and restores a buffer that a device has taken from its queue and not given back.</summary>
internal static class HeldChain
{
    private const int HeaderBytes = 12;
    private const int SegmentBytes = 12;

    /// <summary>The buffer as a state field.</summary>
    public static byte[] Save(DescriptorChain chain)
    {
        var state = new byte[HeaderBytes + (SegmentBytes * chain.SegmentCount)];
        BinaryPrimitives.WriteUInt16LittleEndian(state, chain.Id);
        BinaryPrimitives.WriteInt32LittleEndian(state.AsSpan(4), chain.RingDescriptors);
        BinaryPrimitives.WriteInt32LittleEndian(state.AsSpan(8), chain.ReadableSegmentCount);
        for (var i = 0; i < chain.SegmentCount; i++)
        {
            var field = state.AsSpan(HeaderBytes + (i * SegmentBytes));
            BinaryPrimitives.WriteUInt64LittleEndian(field, chain.Segments[i].Gpa);
            BinaryPrimitives.WriteUInt32LittleEndian(field[8..], chain.Segments[i].SizeBytes);
        }

        return state;
    }

    /// <summary>The buffer that was saved; null if it is impossible.</summary>
    public static DescriptorChain? Restore(Virtqueue queue, ReadOnlySpan<byte> state)
    {
        if (state.Length < HeaderBytes || (state.Length - HeaderBytes) % SegmentBytes != 0)
        {
            return null;
        }

        var segments = new DescriptorChain.Segment[(state.Length - HeaderBytes) / SegmentBytes];
        for (var i = 0; i < segments.Length; i++)
        {
            var field = state[(HeaderBytes + (i * SegmentBytes))..];
            segments[i] = new DescriptorChain.Segment(BinaryPrimitives.ReadUInt64LittleEndian(field), BinaryPrimitives.ReadUInt32LittleEndian(field[8..]));
        }

        return queue.RestoreChain(
            BinaryPrimitives.ReadUInt16LittleEndian(state),
            BinaryPrimitives.ReadInt32LittleEndian(state[4..]),
            segments,
            BinaryPrimitives.ReadInt32LittleEndian(state[8..]));
    }
}
