using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <summary>A disk of ATA (ACS-3) with sectors of 512 bytes over a block back end. Device lock held.</summary>
internal sealed class AtaDisk(IAtaPort port, IBlockBackend backend, string serialNumber) : IAtaDevice
{
    public const int SectorBytes = 512;

    /// <summary>Blocks of 512 bytes with ranges that one trim may have, as the identification says.</summary>
    public const int MaximumTrimBlocks = 8;

    private const int RangesPerBlock = 64;
    private const ushort LogQueuedError = 0x10;

    private byte _errorTag = 0x80;
    private long _errorLba;
    private byte _errorCode;
    private bool _hasWriteCache = true;

    public uint Signature => 0x0000_0101;

    public byte ResetStatus => AtaStatus.Ok;

    /// <summary>Sectors of the disk.</summary>
    public long SectorCount => backend.SizeBytes / SectorBytes;

    public void Execute(AtaCommand command)
    {
        switch (command.Opcode)
        {
            case 0x20 or 0x21 or 0xC4 or 0xC8:
                Transfer(command, BlockJobKind.Read, command.Lba28, Count28(command));
                break;
            case 0x24 or 0x29 or 0x25:
                Transfer(command, BlockJobKind.Read, command.Lba48, Count48(command.Count));
                break;
            case 0x30 or 0x31 or 0xC5 or 0xCA:
                Transfer(command, BlockJobKind.Write, command.Lba28, Count28(command));
                break;
            case 0x34 or 0x39 or 0x35:
                Transfer(command, BlockJobKind.Write, command.Lba48, Count48(command.Count));
                break;
            case 0x3D or 0xCE:
                Transfer(command, BlockJobKind.Write, command.Lba48, Count48(command.Count), isForced: true);
                break;
            case 0x60:
                Transfer(command, BlockJobKind.Read, command.Lba48, Count48(command.Features));
                break;
            case 0x61:
                Transfer(command, BlockJobKind.Write, command.Lba48, Count48(command.Features), isForced: (command.DeviceRegister & 0x80) != 0);
                break;
            case 0x40:
                Verify(command, command.Lba28, Count28(command));
                break;
            case 0x42:
                Verify(command, command.Lba48, Count48(command.Count));
                break;
            case 0xE7 or 0xEA:
                Begin(command, BlockJobKind.Flush);
                break;
            case 0x06 when (command.Features & 1) != 0 && !backend.IsReadOnly:
                Trim(command);
                break;
            case 0xEC:
                Identify(command);
                break;
            case 0x2F:
                ReadLog(command);
                break;
            case 0xEF:
                SetFeatures(command);
                break;
            case 0xE5:
                port.SetResult(command, 0, 0xFF);
                Succeed(command);
                break;
            case 0x91 or 0xC6 or 0xE0 or 0xE1 or 0xE2 or 0xE3 or 0xE6 or (>= 0x10 and <= 0x1F):
                // Geometry, multiple count, power states and recalibration: nothing of it makes a difference here.
                Succeed(command);
                break;
            default:
                Abort(command);
                break;
        }
    }

    public void Reset()
    {
        (_errorTag, _errorLba, _errorCode) = (0x80, 0, 0);
        _hasWriteCache = true;
    }

    public void Save(StateWriter writer, ushort firstTag)
    {
        writer.Write(firstTag, (ulong)_errorTag);
        writer.Write((ushort)(firstTag + 1), _errorLba);
        writer.Write((ushort)(firstTag + 2), (ulong)_errorCode);
        writer.Write((ushort)(firstTag + 3), _hasWriteCache);
    }

    public void Restore(StateReader reader, ushort firstTag)
    {
        _errorTag = reader.ReadByte(firstTag);
        _errorLba = reader.ReadInt64((ushort)(firstTag + 1));
        _errorCode = reader.ReadByte((ushort)(firstTag + 2));
        _hasWriteCache = reader.ReadBoolean((ushort)(firstTag + 3));
    }

    private static int Count28(AtaCommand command) => (byte)command.Count == 0 ? 256 : (byte)command.Count;

    private static int Count48(ushort count) => count == 0 ? 65536 : count;

    private static bool IsPioIn(AtaCommand command) => command.Opcode is 0x20 or 0x21 or 0x24 or 0x29 or 0xC4;

    private static AtaCompletion CompletionOf(AtaCommand command) =>
        command.IsQueued ? AtaCompletion.DeviceBits : IsPioIn(command) ? AtaCompletion.PioSetup : AtaCompletion.Register;

    private bool IsOnDisk(long lba, long count) => lba <= SectorCount && count <= SectorCount - lba;

    private void Transfer(AtaCommand command, BlockJobKind kind, long lba, int count, bool isForced = false)
    {
        if (!IsOnDisk(lba, count))
        {
            Fail(command, AtaStatus.ErrorNotFound, lba);
            return;
        }

        if (kind == BlockJobKind.Write && backend.IsReadOnly)
        {
            Fail(command, AtaStatus.ErrorAborted, lba);
            return;
        }

        var job = port.RentJob();
        job.Kind = kind;
        job.OffsetBytes = lba * SectorBytes;
        job.LengthBytes = (long)count * SectorBytes;
        job.IsFlushedAfter = kind == BlockJobKind.Write && (isForced || !_hasWriteCache);
        job.Segments.AddRange(command.Segments);
        Begin(command, job);
    }

    private void Verify(AtaCommand command, long lba, int count)
    {
        if (IsOnDisk(lba, count))
        {
            Succeed(command);
        }
        else
        {
            Fail(command, AtaStatus.ErrorNotFound, lba);
        }
    }

    private void Trim(AtaCommand command)
    {
        var blocks = Count48(command.Count);
        if (blocks > MaximumTrimBlocks)
        {
            Abort(command);
            return;
        }

        Span<byte> ranges = stackalloc byte[MaximumTrimBlocks * SectorBytes];
        ranges = ranges[..(blocks * SectorBytes)];
        if (!port.Receive(command, ranges))
        {
            port.FailBuffer(command);
            return;
        }

        var job = port.RentJob();
        job.Kind = BlockJobKind.Discard;
        for (var i = 0; i < blocks * RangesPerBlock; i++)
        {
            var entry = BinaryPrimitives.ReadUInt64LittleEndian(ranges[(i * sizeof(ulong))..]);
            var lba = (long)(entry & 0xFFFF_FFFF_FFFF);
            var count = (long)(entry >> 48);
            if (count > 0 && IsOnDisk(lba, count))
            {
                job.Ranges.Add((lba * SectorBytes, count * SectorBytes));
            }
        }

        Begin(command, job);
    }

    private void Begin(AtaCommand command, BlockJobKind kind)
    {
        var job = port.RentJob();
        job.Kind = kind;
        Begin(command, job);
    }

    private void Begin(AtaCommand command, BlockJob job)
    {
        job.Backend = backend;
        job.Completed = (done, result) =>
        {
            command.TransferredBytes = (uint)done.LengthBytes;
            switch (result)
            {
                case BlockJobResult.Ok:
                    port.Complete(command, AtaStatus.Ok, 0, CompletionOf(command));
                    break;
                case BlockJobResult.Abandoned:
                    break;
                case BlockJobResult.BadBuffer:
                    port.FailBuffer(command);
                    break;
                default:
                    Fail(command, done.Kind == BlockJobKind.Read ? AtaStatus.ErrorUncorrectable : AtaStatus.ErrorAborted, done.OffsetBytes / SectorBytes);
                    break;
            }
        };
        port.Begin(command, job);
    }

    private void Identify(AtaCommand command)
    {
        Span<byte> data = stackalloc byte[SectorBytes];
        AtaIdentification.Disk(data, SectorCount, serialNumber, backend.Capabilities.CanDiscard && !backend.IsReadOnly, _hasWriteCache);
        port.Send(command, data);
        port.Complete(command, AtaStatus.Ok, 0, AtaCompletion.PioSetup);
    }

    /// <summary>The log of the last queued command that failed (ACS-3 §A.14); other logs are empty.</summary>
    private void ReadLog(AtaCommand command)
    {
        if (Count48(command.Count) != 1)
        {
            Abort(command);
            return;
        }

        Span<byte> page = stackalloc byte[SectorBytes];
        page.Clear();
        if ((command.Lba48 & 0xFF) == LogQueuedError)
        {
            page[0] = _errorTag;
            page[2] = AtaStatus.Failed;
            page[3] = _errorCode;
            for (var i = 0; i < 3; i++)
            {
                page[4 + i] = (byte)(_errorLba >> (8 * i));
                page[8 + i] = (byte)(_errorLba >> (24 + (8 * i)));
            }
        }
        else if ((command.Lba48 & 0xFF) == 0)
        {
            // The directory: version 1, and that log of one page.
            page[0] = 1;
            page[2 * LogQueuedError] = 1;
        }
        else
        {
            Abort(command);
            return;
        }

        byte sum = 0;
        foreach (var value in page[..^1])
        {
            sum += value;
        }

        page[^1] = (command.Lba48 & 0xFF) == LogQueuedError ? (byte)-sum : (byte)0;
        port.Send(command, page);
        port.Complete(command, AtaStatus.Ok, 0, AtaCompletion.PioSetup);
    }

    private void SetFeatures(AtaCommand command)
    {
        switch ((byte)command.Features)
        {
            case 0x02:
                _hasWriteCache = true;
                break;
            case 0x82:
                _hasWriteCache = false;
                break;
            case 0x03 or 0x05 or 0x85 or 0x10 or 0x90 or 0xAA or 0x55 or 0x66 or 0xCC:
                // Transfer modes, power management, read look-ahead, defaults: accepted, without meaning here.
                break;
            default:
                Abort(command);
                return;
        }

        Succeed(command);
    }

    private void Succeed(AtaCommand command) => port.Complete(command, AtaStatus.Ok, 0, AtaCompletion.Register);

    private void Abort(AtaCommand command) => port.Complete(command, AtaStatus.Failed, AtaStatus.ErrorAborted, AtaCompletion.Register);

    private void Fail(AtaCommand command, byte error, long lba)
    {
        command.TransferredBytes = 0;
        if (command.IsQueued)
        {
            (_errorTag, _errorLba, _errorCode) = ((byte)command.Tag, lba, error);
        }

        port.SetResult(command, lba, 0);
        port.Complete(command, AtaStatus.Failed, error, command.IsQueued ? AtaCompletion.DeviceBits : AtaCompletion.Register);
    }
}
