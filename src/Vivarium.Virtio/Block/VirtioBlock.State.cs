using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <content>Save and restore. Requests in flight are saved with their buffers, as the rings may not hold them any more.</content>
public sealed partial class VirtioBlock
{
    private const int RequestHeaderBytes = 16;
    private const int SegmentBytes = 12;

    /// <inheritdoc/>
    public override void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        base.Save(writer);
        writer.Write(16, CapacityBytes);
        var state = new byte[_active.Sum(request => RequestHeaderBytes + (SegmentBytes * request.Chain.SegmentCount))];
        var rest = state.AsSpan();
        foreach (var request in _active)
        {
            BinaryPrimitives.WriteInt32LittleEndian(rest, request.Queue.Index);
            BinaryPrimitives.WriteUInt16LittleEndian(rest[4..], request.Chain.Id);
            BinaryPrimitives.WriteUInt16LittleEndian(rest[6..], (ushort)request.Chain.RingDescriptors);
            BinaryPrimitives.WriteInt32LittleEndian(rest[8..], request.Chain.SegmentCount);
            BinaryPrimitives.WriteInt32LittleEndian(rest[12..], request.Chain.ReadableSegmentCount);
            rest = rest[RequestHeaderBytes..];
            foreach (var segment in request.Chain.Segments)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(rest, segment.Gpa);
                BinaryPrimitives.WriteUInt32LittleEndian(rest[8..], segment.SizeBytes);
                rest = rest[SegmentBytes..];
            }
        }

        writer.Write(17, state);
    }

    /// <inheritdoc/>
    public override void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        base.Restore(reader);
        var capacity = reader.ReadInt64(16);
        if (capacity < 0 || capacity % BlockBits.SectorBytes != 0)
        {
            throw reader.Invalid(16);
        }

        // If the disk has another size by now, the guest is told when the machine starts.
        ShowCapacity(capacity);
        var rest = reader.ReadBytes(17);
        while (!rest.IsEmpty)
        {
            if (rest.Length < RequestHeaderBytes
                || !TryGetQueue(BinaryPrimitives.ReadUInt32LittleEndian(rest), out var queue)
                || BinaryPrimitives.ReadUInt32LittleEndian(rest[8..]) is var count && count > (rest.Length - RequestHeaderBytes) / SegmentBytes)
            {
                throw reader.Invalid(17);
            }

            var segments = new DescriptorChain.Segment[count];
            for (var i = 0; i < segments.Length; i++)
            {
                var field = rest[(RequestHeaderBytes + (i * SegmentBytes))..];
                segments[i] = new DescriptorChain.Segment(BinaryPrimitives.ReadUInt64LittleEndian(field), BinaryPrimitives.ReadUInt32LittleEndian(field[8..]));
            }

            var chain = queue.RestoreChain(
                BinaryPrimitives.ReadUInt16LittleEndian(rest[4..]),
                BinaryPrimitives.ReadUInt16LittleEndian(rest[6..]),
                segments,
                BinaryPrimitives.ReadInt32LittleEndian(rest[12..])) ?? throw reader.Invalid(17);
            var request = new BlockRequest(this);
            request.Begin(queue, chain);
            request.Epoch = _epoch;
            _active.Add(request);
            _suspended.Add(request);
            rest = rest[(RequestHeaderBytes + (SegmentBytes * segments.Length))..];
        }
    }
}
