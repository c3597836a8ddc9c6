using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <content>From the network to the guest (the manual's §3.2).</content>
public sealed partial class E1000
{
    private const int FramesPerTurn = 64;
    private const int LongestOrdinaryBytes = 1_522;
    private const int ShortestFrameBytes = 60;
    private const int CheckBytes = 4;
    private const ushort VlanMask = 0xFFF;

    private readonly EthernetFrame[] _received = new EthernetFrame[FramesPerTurn];
    private readonly byte[] _frameData = new byte[EthernetFrame.MaxLengthBytes + CheckBytes];
    private int _receivedCount;
    private int _nextReceived;

    private uint BufferBytes
    {
        get
        {
            var control = this[E1000Register.ReceiveControl];
            var size = 2048u >> (int)((control >> 16) & 3);
            return (control & E1000Bits.ReceiveSizeExtended) != 0 ? size * 16 : size;
        }
    }

    private void ReceiveTurn()
    {
        if (!_isRunning || !_host.IsBusMaster)
        {
            return;
        }

        var causes = 0u;
        for (var frames = 0; ; frames++)
        {
            if (_nextReceived == _receivedCount)
            {
                _received.AsSpan(0, _receivedCount).Clear();
                _nextReceived = 0;
                _receivedCount = _waiting.Receive(_received);
                if (_receivedCount == 0)
                {
                    break;
                }
            }

            if (frames == FramesPerTurn)
            {
                _events.Post(_receiveTurn);
                break;
            }

            var frame = _received[_nextReceived];
            if ((this[E1000Register.ReceiveControl] & E1000Bits.ReceiveEnable) != 0 && _isLinkUp && IsWanted(frame.Data))
            {
                if (!TryDeliver(frame, ref causes))
                {
                    break;
                }
            }

            _nextReceived++;
            frame.Release();
        }

        if (causes != 0)
        {
            Raise(causes);
        }
    }

    /// <summary>Puts a frame into the guest's buffers; false if it has to wait for more of them.</summary>
    private bool TryDeliver(EthernetFrame frame, ref uint causes)
    {
        var count = this[E1000Register.ReceiveLength] / DescriptorBytes;
        var head = this[E1000Register.ReceiveHead];
        var tail = this[E1000Register.ReceiveTail];
        if (count == 0 || head >= count || tail >= count)
        {
            return true;
        }

        var length = Lay(frame, out var special, out var isTagged);
        var needed = (uint)((length + (int)BufferBytes - 1) / (int)BufferBytes);
        if (needed >= count)
        {
            this[E1000Register.MissedPackets]++;
            return true;
        }

        if ((tail + count - head) % count < needed)
        {
            causes |= E1000Bits.CauseOverrun;
            return false;
        }

        var data = _frameData.AsSpan(0, length);
        Span<byte> descriptor = stackalloc byte[DescriptorBytes];
        while (!data.IsEmpty)
        {
            var gpa = BaseOf(E1000Register.ReceiveBaseLow) + (head * (ulong)DescriptorBytes);
            var piece = data[..Math.Min(data.Length, (int)BufferBytes)];
            data = data[piece.Length..];
            if (!_memory.TryRead(gpa, descriptor))
            {
                return true;
            }

            _memory.TryWrite(BinaryPrimitives.ReadUInt64LittleEndian(descriptor), piece);
            BinaryPrimitives.WriteUInt16LittleEndian(descriptor[8..], (ushort)piece.Length);
            BinaryPrimitives.WriteUInt16LittleEndian(descriptor[10..], 0);
            descriptor[12] = (byte)(E1000Bits.DescriptorDone | (data.IsEmpty ? E1000Bits.ReceivedEnd : 0) | (isTagged ? E1000Bits.ReceivedVlan : 0)
                | (frame.Offload.ChecksumValid ? E1000Bits.ReceivedTransportChecked | E1000Bits.ReceivedIpChecked : E1000Bits.ReceivedIgnoreChecksum));
            descriptor[13] = 0;
            BinaryPrimitives.WriteUInt16LittleEndian(descriptor[14..], special);

            // All before the status that says it is done: the driver looks at that without being interrupted.
            _memory.TryWrite(gpa + 8, descriptor[8..12]);
            _memory.TryWrite(gpa + 13, descriptor[13..]);
            Volatile.WriteBarrier();
            _memory.TryWrite(gpa + 12, descriptor[12..13]);
            head = head + 1 == count ? 0 : head + 1;
        }

        this[E1000Register.ReceiveHead] = head;
        this[E1000Register.GoodPacketsReceived]++;
        this[E1000Register.TotalPacketsReceived]++;
        causes |= E1000Bits.CauseReceived;
        if ((tail + count - head) % count <= count >> (int)(1 + ((this[E1000Register.ReceiveControl] >> 8) & 3)))
        {
            causes |= E1000Bits.CauseReceiveLow;
        }

        return true;
    }

    /// <summary>Lays a frame out as the guest wants it: without its tag if the adapter takes tags off, padded, with room for a check sequence.</summary>
    private int Lay(EthernetFrame frame, out ushort special, out bool isTagged)
    {
        var data = frame.Data;
        special = 0;
        isTagged = (this[E1000Register.Control] & E1000Bits.ControlVlanMode) != 0 && TryReadTag(data, out special);
        int length;
        if (isTagged)
        {
            data[..12].CopyTo(_frameData);
            data[16..].CopyTo(_frameData.AsSpan(12));
            length = data.Length - VlanTagBytes;
        }
        else
        {
            data.CopyTo(_frameData);
            length = data.Length;
        }

        if (length < ShortestFrameBytes)
        {
            _frameData.AsSpan(length, ShortestFrameBytes - length).Clear();
            length = ShortestFrameBytes;
        }

        if ((this[E1000Register.ReceiveControl] & E1000Bits.ReceiveStripsCheck) == 0)
        {
            // There is no check sequence on this wire, and drivers cut it off unseen.
            _frameData.AsSpan(length, CheckBytes).Clear();
            length += CheckBytes;
        }

        return length;
    }

    private bool TryReadTag(ReadOnlySpan<byte> data, out ushort tag)
    {
        tag = 0;
        if (data.Length < 18 || BinaryPrimitives.ReadUInt16BigEndian(data[12..]) != (ushort)this[E1000Register.VlanEtherType])
        {
            return false;
        }

        tag = BinaryPrimitives.ReadUInt16BigEndian(data[14..]);
        return true;
    }

    private bool IsWanted(ReadOnlySpan<byte> data)
    {
        var control = this[E1000Register.ReceiveControl];
        if (data.Length < MinimumFrameBytes || ((control & E1000Bits.ReceiveLong) == 0 && data.Length > LongestOrdinaryBytes - CheckBytes))
        {
            return false;
        }

        if ((control & E1000Bits.ReceiveVlanFilter) != 0 && TryReadTag(data, out var tag))
        {
            var vlan = tag & VlanMask;
            if ((this[E1000Register.VlanTable + (vlan / 32 * 4)] & (1u << (vlan % 32))) == 0)
            {
                return false;
            }
        }

        var target = MacAddress.Read(data);
        if (target == MacAddress.Broadcast)
        {
            return (control & (E1000Bits.ReceiveBroadcast | E1000Bits.ReceiveAllMulticast)) != 0;
        }

        if (target.IsMulticast ? (control & E1000Bits.ReceiveAllMulticast) != 0 || IsInMulticastTable(data) : (control & E1000Bits.ReceiveAllUnicast) != 0)
        {
            return true;
        }

        var low = BinaryPrimitives.ReadUInt32LittleEndian(data);
        var high = BinaryPrimitives.ReadUInt16LittleEndian(data[4..]) | AddressValid;
        for (var i = 0; i < ReceiveAddressCount; i++)
        {
            var register = E1000Register.ReceiveAddress + (8 * i);
            if (this[register] == low && (this[register + 4] & (AddressValid | 0xFFFF)) == high)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Twelve bits of the address, which ones the driver chooses, are a place in a table of bits (the manual's §13.5.1).</summary>
    private bool IsInMulticastTable(ReadOnlySpan<byte> data)
    {
        var shift = ((this[E1000Register.ReceiveControl] >> 12) & 3) switch
        {
            0 => 4,
            1 => 3,
            2 => 2,
            _ => 0,
        };
        var hash = (BinaryPrimitives.ReadUInt16LittleEndian(data[4..]) >> shift) & 0xFFF;
        return (this[E1000Register.MulticastTable + (hash / 32 * 4)] & (1u << (hash % 32))) != 0;
    }

    private void ReleaseFrames()
    {
        EthernetFrame.Release(_received.AsSpan(_nextReceived, _receivedCount - _nextReceived));
        _received.AsSpan().Clear();
        _nextReceived = 0;
        _receivedCount = 0;
    }
}
