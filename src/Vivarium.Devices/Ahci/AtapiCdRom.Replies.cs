using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <content>Packets that are answered from the drive's own knowledge (MMC-5 §6, SPC-3 §6).</content>
internal sealed partial class AtapiCdRom
{
    private const byte LeadOut = 0xAA;
    private const ushort ProfileCd = 0x0008;
    private const ushort ProfileDvd = 0x0010;
    private const long LargestCdSectors = 450_000;

    private ushort Profile => Medium is null ? (ushort)0 : SectorCount > LargestCdSectors ? ProfileDvd : ProfileCd;

    /// <summary>Sends what fits into the buffer and into what the guest asked for.</summary>
    private void SendLimited(AtaCommand command, ReadOnlySpan<byte> reply, int allocationBytes)
    {
        port.Send(command, reply[..Math.Min(reply.Length, allocationBytes)]);
        Succeed(command);
    }

    private void RequestSense(AtaCommand command)
    {
        if (_hasChanged)
        {
            _hasChanged = false;
            (_senseKey, _senseCode) = (SenseUnitAttention, MediumChanged);
        }

        Span<byte> sense = stackalloc byte[18];
        sense.Clear();
        sense[0] = 0x70;
        sense[2] = _senseKey;
        sense[7] = 10;
        BinaryPrimitives.WriteUInt16BigEndian(sense[12..], _senseCode);
        SendLimited(command, sense, command.Packet[4]);
    }

    private void Inquiry(AtaCommand command)
    {
        if ((command.Packet[1] & 1) != 0)
        {
            Fail(command, SenseIllegalRequest, InvalidField);
            return;
        }

        Span<byte> reply = stackalloc byte[36];
        reply.Clear();
        reply[0] = 0x05;
        reply[1] = 0x80;
        reply[3] = 0x21;
        reply[4] = 31;
        "VIVARIUM"u8.CopyTo(reply[8..]);
        "CD-ROM          "u8.CopyTo(reply[16..]);
        "1.0 "u8.CopyTo(reply[32..]);
        SendLimited(command, reply, BinaryPrimitives.ReadUInt16BigEndian(command.Packet.AsSpan(3)));
    }

    private void StartStop(AtaCommand command)
    {
        var isLoadOrEject = (command.Packet[4] & 2) != 0;
        var isStart = (command.Packet[4] & 1) != 0;
        if (isLoadOrEject && !isStart && _isLocked)
        {
            Fail(command, SenseIllegalRequest, RemovalPrevented);
            return;
        }

        if (isLoadOrEject && _isTrayOpen == isStart)
        {
            _isTrayOpen = !isStart;
            _hasChanged = isStart && _medium is not null;
        }

        Succeed(command);
    }

    private void ReadCapacity(AtaCommand command)
    {
        if (Medium is null)
        {
            Fail(command, SenseNotReady, NoMedium);
            return;
        }

        Span<byte> reply = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32BigEndian(reply, (uint)Math.Clamp(SectorCount - 1, 0, uint.MaxValue));
        BinaryPrimitives.WriteUInt32BigEndian(reply[4..], SectorBytes);
        SendLimited(command, reply, reply.Length);
    }

    /// <summary>READ CD: user data of data sectors alone.</summary>
    private void ReadCd(AtaCommand command)
    {
        var packet = command.Packet;
        var parts = packet[9] & 0xF8;
        if (((packet[1] >> 2) & 7) is not (0 or 2 or 4) || (parts is not (0 or 0x10)) || packet[10] != 0)
        {
            Fail(command, SenseIllegalRequest, InvalidField);
            return;
        }

        var count = ((uint)packet[6] << 16) | BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(7));
        Read(command, BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(2)), parts == 0 ? 0 : count);
    }

    /// <summary>One session with one data track.</summary>
    private void ReadToc(AtaCommand command)
    {
        var packet = command.Packet;
        var isTime = (packet[1] & 2) != 0;
        var format = packet[2] & 0xF;
        format = format == 0 ? packet[9] >> 6 : format;
        if (Medium is null)
        {
            Fail(command, SenseNotReady, NoMedium);
            return;
        }

        var first = packet[6];
        if (format is not (0 or 1) || (format == 0 && first is > 1 and < LeadOut))
        {
            Fail(command, SenseIllegalRequest, InvalidField);
            return;
        }

        Span<byte> reply = stackalloc byte[20];
        reply.Clear();
        reply[2] = 1;
        reply[3] = 1;
        var length = 4;
        if (format == 1 || first <= 1)
        {
            PutTrack(reply[length..], 1, 0, isTime);
            length += 8;
        }

        if (format == 0)
        {
            PutTrack(reply[length..], LeadOut, SectorCount, isTime);
            length += 8;
        }

        BinaryPrimitives.WriteUInt16BigEndian(reply, (ushort)(length - 2));
        SendLimited(command, reply[..length], BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(7)));
    }

    private static void PutTrack(Span<byte> entry, byte track, long lba, bool isTime)
    {
        entry[1] = 0x14;
        entry[2] = track;
        if (isTime)
        {
            // Minutes, seconds and frames, of which the first two seconds are before sector 0.
            var frames = lba + 150;
            entry[5] = (byte)Math.Min(frames / (75 * 60), 255);
            entry[6] = (byte)(frames / 75 % 60);
            entry[7] = (byte)(frames % 75);
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(entry[4..], (uint)Math.Min(lba, uint.MaxValue));
        }
    }

    private void ModeSense(AtaCommand command)
    {
        var packet = command.Packet;
        var isShort = packet[0] == 0x1A;
        var page = packet[2] & 0x3F;
        if (page is not (0x01 or 0x2A or 0x3F) || packet[2] >> 6 == 3)
        {
            Fail(command, SenseIllegalRequest, InvalidField);
            return;
        }

        Span<byte> reply = stackalloc byte[8 + 8 + 22];
        reply.Clear();
        var header = isShort ? 4 : 8;
        var length = header;
        if (page is 0x01 or 0x3F)
        {
            reply[length] = 0x01;
            reply[length + 1] = 6;
            reply[length + 3] = 5;
            length += 8;
        }

        if (page is 0x2A or 0x3F)
        {
            // Reads CDs and DVDs; a tray that can be locked and ejected; as fast as the host.
            reply[length] = 0x2A;
            reply[length + 1] = 20;
            reply[length + 2] = 0x3B;
            reply[length + 4] = 0x70;
            reply[length + 6] = (byte)(0x29 | (_isLocked ? 2 : 0));
            BinaryPrimitives.WriteUInt16BigEndian(reply[(length + 8)..], 7056);
            BinaryPrimitives.WriteUInt16BigEndian(reply[(length + 12)..], 2048);
            BinaryPrimitives.WriteUInt16BigEndian(reply[(length + 14)..], 7056);
            length += 22;
        }

        var medium = (byte)(Medium is null ? 0x70 : 0x01);
        if (isShort)
        {
            reply[0] = (byte)(length - 1);
            reply[1] = medium;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(reply, (ushort)(length - 2));
            reply[2] = medium;
        }

        SendLimited(command, reply[..length], isShort ? packet[4] : BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(7)));
    }

    /// <summary>The features profile list, core, and removable medium, from the first that is asked for.</summary>
    private void GetConfiguration(AtaCommand command)
    {
        var packet = command.Packet;
        var first = BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(2));
        var isSingle = (packet[1] & 3) == 2;
        Span<byte> reply = stackalloc byte[8 + 12 + 12 + 8];
        reply.Clear();
        var length = 8;
        if (first == 0)
        {
            ReadOnlySpan<byte> profiles = [0, 0, 0x03, 8, 0, (byte)ProfileDvd, 0, 0, 0, (byte)ProfileCd, 0, 0];
            profiles.CopyTo(reply[length..]);
            reply[length + 6] = Profile == ProfileDvd ? (byte)1 : (byte)0;
            reply[length + 10] = Profile == ProfileCd ? (byte)1 : (byte)0;
            length += profiles.Length;
        }

        if (isSingle ? first == 1 : first <= 1)
        {
            // The physical interface is ATAPI.
            ReadOnlySpan<byte> core = [0, 1, 0x0B, 8, 0, 0, 0, 2, 1, 0, 0, 0];
            core.CopyTo(reply[length..]);
            length += core.Length;
        }

        if (isSingle ? first == 3 : first <= 3)
        {
            ReadOnlySpan<byte> removable = [0, 3, 0x03, 4, 0x29, 0, 0, 0];
            removable.CopyTo(reply[length..]);
            length += removable.Length;
        }

        BinaryPrimitives.WriteInt32BigEndian(reply, length - 4);
        BinaryPrimitives.WriteUInt16BigEndian(reply[6..], Profile);
        SendLimited(command, reply[..length], BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(7)));
    }

    /// <summary>Media events, polled; others are not there.</summary>
    private void GetEventStatus(AtaCommand command)
    {
        var packet = command.Packet;
        if ((packet[1] & 1) == 0)
        {
            Fail(command, SenseIllegalRequest, InvalidField);
            return;
        }

        var allocation = BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(7));
        if ((packet[4] & 0x10) == 0)
        {
            SendLimited(command, [0, 2, 0x80, 0x10], allocation);
            return;
        }

        var mediaEvent = (byte)(_hasChanged ? 2 : 0);
        SendLimited(command, [0, 6, 0x04, 0x10, mediaEvent, (byte)((Medium is null ? 0 : 2) | (_isTrayOpen ? 1 : 0)), 0, 0], allocation);
    }

    private void ReadDiscInformation(AtaCommand command)
    {
        if (Medium is null)
        {
            Fail(command, SenseNotReady, NoMedium);
            return;
        }

        // A finished disc with one session and one track.
        Span<byte> reply = stackalloc byte[34];
        reply.Clear();
        reply[1] = 32;
        reply[2] = 0x0E;
        reply[3] = 1;
        reply[4] = 1;
        reply[5] = 1;
        reply[6] = 1;
        reply[7] = 0x20;
        SendLimited(command, reply, BinaryPrimitives.ReadUInt16BigEndian(command.Packet.AsSpan(7)));
    }
}
