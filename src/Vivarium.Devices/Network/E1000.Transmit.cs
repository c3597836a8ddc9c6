using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <content>From the guest to the network (the manual's §3.3 to §3.5).</content>
public sealed partial class E1000
{
    private const int DescriptorBytes = 16;
    private const int DescriptorsPerTurn = 256;
    private const int BatchFrames = 32;
    private const int MinimumFrameBytes = 14;
    private const int VlanTagBytes = 4;

    private readonly byte[] _assembly = new byte[EthernetFrame.MaxLengthBytes];
    private readonly EthernetFrame[] _sent = new EthernetFrame[BatchFrames];
    private int _assembledBytes;
    private bool _assemblyFails;
    private byte _assemblyOptions;
    private E1000Context _context;

    private void PostTransmit()
    {
        if (!_transmitPosted)
        {
            _transmitPosted = true;
            _events.Post(_transmitTurn);
        }
    }

    private void TransmitTurn()
    {
        _transmitPosted = false;
        var count = this[E1000Register.TransmitLength] / DescriptorBytes;
        if (!_isRunning || !_host.IsBusMaster || (this[E1000Register.TransmitControl] & E1000Bits.TransmitEnable) == 0
            || this[E1000Register.TransmitHead] >= count || this[E1000Register.TransmitTail] >= count)
        {
            return;
        }

        var filled = 0;
        var causes = 0u;
        var taken = 0;
        Span<byte> descriptor = stackalloc byte[DescriptorBytes];
        while (this[E1000Register.TransmitHead] != this[E1000Register.TransmitTail] && taken++ < DescriptorsPerTurn)
        {
            var head = this[E1000Register.TransmitHead];
            var gpa = BaseOf(E1000Register.TransmitBaseLow) + (head * (ulong)DescriptorBytes);
            if (!_memory.TryRead(gpa, descriptor))
            {
                // The ring is nowhere: there is nothing that can be done until the driver sets it up anew.
                this[E1000Register.TransmitHead] = this[E1000Register.TransmitTail];
                break;
            }

            if (Take(descriptor) is { } frame)
            {
                _sent[filled++] = frame;
                if (filled == BatchFrames)
                {
                    Hand(filled);
                    filled = 0;
                }
            }

            if ((descriptor[11] & E1000Bits.CommandReport) != 0)
            {
                _memory.TryWrite(gpa + 12, [(byte)(descriptor[12] | E1000Bits.DescriptorDone)]);
                causes |= E1000Bits.CauseTransmitted;
            }

            this[E1000Register.TransmitHead] = head + 1 == count ? 0 : head + 1;
        }

        Hand(filled);
        if (this[E1000Register.TransmitHead] != this[E1000Register.TransmitTail])
        {
            PostTransmit();
        }
        else if (taken > 0)
        {
            causes |= E1000Bits.CauseTransmitEmpty;
        }

        Raise(causes);
    }

    /// <summary>Takes a descriptor; the frame, if it was the last one of it.</summary>
    private EthernetFrame? Take(ReadOnlySpan<byte> descriptor)
    {
        var isExtended = (descriptor[11] & E1000Bits.CommandExtended) != 0;
        var kind = isExtended ? descriptor[10] >> 4 : 1;
        if (kind == 0)
        {
            _context = E1000Context.Read(descriptor);
            return null;
        }

        if (isExtended && _assembledBytes == 0)
        {
            _assemblyOptions = descriptor[13];
        }

        var length = isExtended
            ? (int)(BinaryPrimitives.ReadUInt32LittleEndian(descriptor[8..]) & 0xF_FFFF)
            : BinaryPrimitives.ReadUInt16LittleEndian(descriptor[8..]);
        if (kind != 1 || length > _assembly.Length - VlanTagBytes - _assembledBytes
            || !_memory.TryRead(BinaryPrimitives.ReadUInt64LittleEndian(descriptor), _assembly.AsSpan(_assembledBytes, length)))
        {
            _assemblyFails = true;
        }
        else
        {
            _assembledBytes += length;
        }

        if ((descriptor[11] & E1000Bits.CommandEnd) == 0)
        {
            return null;
        }

        var frame = _assemblyFails || _assembledBytes < MinimumFrameBytes ? null : Finish(descriptor, isExtended);
        _assembledBytes = 0;
        _assemblyFails = false;
        _assemblyOptions = 0;
        return frame;
    }

    private EthernetFrame? Finish(ReadOnlySpan<byte> descriptor, bool isExtended)
    {
        var data = _assembly.AsSpan(0, _assembledBytes);
        FrameOffload offload;
        if (isExtended)
        {
            if (!_context.TryApply(data, _assemblyOptions, (descriptor[11] & E1000Bits.CommandSegment) != 0, out offload))
            {
                return null;
            }
        }
        else
        {
            offload = default;
            if ((descriptor[11] & E1000Bits.CommandChecksum) != 0)
            {
                var start = descriptor[13];
                var offset = descriptor[10];
                if (offset < start || offset + 2 > data.Length)
                {
                    return null;
                }

                offload = new FrameOffload { NeedsChecksum = true, ChecksumStart = start, ChecksumOffset = (ushort)(offset - start) };
            }
        }

        var isTagged = (descriptor[11] & E1000Bits.CommandVlan) != 0 && (this[E1000Register.Control] & E1000Bits.ControlVlanMode) != 0;
        if (!isTagged)
        {
            var plain = _pool.Rent(data.Length);
            data.CopyTo(plain.Span);
            plain.Offload = offload;
            return plain;
        }

        var frame = _pool.Rent(data.Length + VlanTagBytes);
        data[..12].CopyTo(frame.Span);
        BinaryPrimitives.WriteUInt16BigEndian(frame.Span[12..], (ushort)this[E1000Register.VlanEtherType]);
        BinaryPrimitives.WriteUInt16BigEndian(frame.Span[14..], BinaryPrimitives.ReadUInt16LittleEndian(descriptor[14..]));
        data[12..].CopyTo(frame.Span[16..]);
        frame.Offload = offload with
        {
            ChecksumStart = (ushort)(offload.NeedsChecksum ? offload.ChecksumStart + VlanTagBytes : 0),
            HeaderBytes = (ushort)(offload.HeaderBytes == 0 ? 0 : offload.HeaderBytes + VlanTagBytes),
        };
        return frame;
    }

    private void Hand(int count)
    {
        if (count == 0)
        {
            return;
        }

        var frames = _sent.AsSpan(0, count);
        this[E1000Register.GoodPacketsTransmitted] += (uint)count;
        this[E1000Register.TotalPacketsTransmitted] += (uint)count;
        if (_output is { } output && _isLinkUp)
        {
            output.Send(frames);
        }
        else
        {
            EthernetFrame.Release(frames);
        }

        frames.Clear();
    }

    private ulong BaseOf(int register) => (this[register] & ~0xFu) | ((ulong)this[register + 4] << 32);
}
