using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <summary>
/// A CD and DVD drive of ATAPI (MMC-5, SPC-3): one data track of sectors of 2,048 bytes, with a medium that comes and goes. Device lock held.
/// </summary>
internal sealed partial class AtapiCdRom(IAtaPort port, IBlockBackend? medium) : IAtaDevice
{
    public const int SectorBytes = 2048;

    private const byte SenseNotReady = 0x02;
    private const byte SenseMediumError = 0x03;
    private const byte SenseIllegalRequest = 0x05;
    private const byte SenseUnitAttention = 0x06;
    private const ushort InvalidOperation = 0x2000;
    private const ushort OutOfRange = 0x2100;
    private const ushort InvalidField = 0x2400;
    private const ushort MediumChanged = 0x2800;
    private const ushort NoMedium = 0x3A00;
    private const ushort UnrecoveredRead = 0x1100;
    private const ushort RemovalPrevented = 0x5302;

    private IBlockBackend? _medium = medium;
    private bool _isTrayOpen;
    private bool _isLocked;
    private bool _hasChanged;
    private byte _senseKey;
    private ushort _senseCode;

    /// <summary>Reads in flight on the medium, and who waits for their end.</summary>
    private int _reads;
    private TaskCompletionSource? _unused;

    public uint Signature => 0xEB14_0101;

    public byte ResetStatus => 0;

    /// <summary>Sectors of the medium; 0 without one.</summary>
    private long SectorCount => Medium is { } present ? (present.SizeBytes + SectorBytes - 1) / SectorBytes : 0;

    private IBlockBackend? Medium => _isTrayOpen ? null : _medium;

    /// <summary>The host changes the medium.</summary>
    public void ChangeMedium(IBlockBackend? next, TaskCompletionSource done)
    {
        _medium = next;
        _isTrayOpen = false;
        _hasChanged = next is not null;
        if (_reads == 0)
        {
            done.TrySetResult();
        }
        else
        {
            _unused?.TrySetResult();
            _unused = done;
        }
    }

    public void Execute(AtaCommand command)
    {
        switch (command.Opcode)
        {
            case 0xA0:
                ExecutePacket(command);
                break;
            case 0xA1:
                Span<byte> data = stackalloc byte[512];
                AtaIdentification.Cd(data);
                port.Send(command, data);
                port.Complete(command, AtaStatus.Ok, 0, AtaCompletion.PioSetup);
                break;
            case 0x08 or 0xEF or 0xE0 or 0xE1 or 0xE2 or 0xE3 or 0xE6 or 0xE7:
                port.Complete(command, AtaStatus.Ok, 0, AtaCompletion.Register);
                break;
            case 0xE5:
                port.SetResult(command, 0, 0xFF);
                port.Complete(command, AtaStatus.Ok, 0, AtaCompletion.Register);
                break;
            default:
                // IDENTIFY DEVICE among them: with the signature of a packet device.
                port.SetResult(command, 0xEB1401, 1);
                port.Complete(command, AtaStatus.Failed, AtaStatus.ErrorAborted, AtaCompletion.Register);
                break;
        }
    }

    public void Reset()
    {
        (_isTrayOpen, _isLocked, _hasChanged) = (false, false, false);
        (_senseKey, _senseCode) = (0, 0);
    }

    public void Save(StateWriter writer, ushort firstTag)
    {
        writer.Write(firstTag, _isTrayOpen);
        writer.Write((ushort)(firstTag + 1), _isLocked);
        writer.Write((ushort)(firstTag + 2), _hasChanged);
        writer.Write((ushort)(firstTag + 4), (ulong)_senseKey);
        writer.Write((ushort)(firstTag + 5), (ulong)_senseCode);
        writer.Write((ushort)(firstTag + 6), SectorCount);
    }

    public void Restore(StateReader reader, ushort firstTag)
    {
        _isTrayOpen = reader.ReadBoolean(firstTag);
        _isLocked = reader.ReadBoolean((ushort)(firstTag + 1));
        _hasChanged = reader.ReadBoolean((ushort)(firstTag + 2));
        _senseKey = reader.ReadByte((ushort)(firstTag + 4));
        _senseCode = reader.ReadUInt16((ushort)(firstTag + 5));

        // A medium of another size than at the save is another one, as far as the guest is concerned.
        _hasChanged |= reader.ReadInt64((ushort)(firstTag + 6)) != SectorCount && Medium is not null;
        (_reads, _unused) = (0, null);
    }

    private void ExecutePacket(AtaCommand command)
    {
        var packet = command.Packet;
        if (_hasChanged && packet[0] is not (0x03 or 0x12 or 0x46 or 0x4A))
        {
            _hasChanged = false;
            Fail(command, SenseUnitAttention, MediumChanged);
            return;
        }

        switch (packet[0])
        {
            case 0x00 or 0x2B or 0x4B or 0x35:
                // TEST UNIT READY, SEEK, PAUSE/RESUME, SYNCHRONIZE CACHE.
                SucceedIfReady(command);
                break;
            case 0x03:
                RequestSense(command);
                break;
            case 0x12:
                Inquiry(command);
                break;
            case 0x1B:
                StartStop(command);
                break;
            case 0x1E:
                _isLocked = (packet[4] & 1) != 0;
                Succeed(command);
                break;
            case 0x25:
                ReadCapacity(command);
                break;
            case 0x28:
                Read(command, BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(2)), BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(7)));
                break;
            case 0xA8:
                Read(command, BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(2)), BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(6)));
                break;
            case 0xBE:
                ReadCd(command);
                break;
            case 0x43:
                ReadToc(command);
                break;
            case 0x1A or 0x5A:
                ModeSense(command);
                break;
            case 0x46:
                GetConfiguration(command);
                break;
            case 0x4A:
                GetEventStatus(command);
                break;
            case 0x51:
                ReadDiscInformation(command);
                break;
            case 0xBB:
                Succeed(command);
                break;
            case 0xBD:
                SendLimited(command, [0, (byte)(_isTrayOpen ? 0x10 : 0), 0, 0, 0, 1, 0, 0], BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(8)));
                break;
            default:
                Fail(command, SenseIllegalRequest, InvalidOperation);
                break;
        }
    }

    private void Read(AtaCommand command, uint lba, uint count)
    {
        if (Medium is not { } present)
        {
            Fail(command, SenseNotReady, NoMedium);
        }
        else if (lba > SectorCount || count > SectorCount - lba)
        {
            Fail(command, SenseIllegalRequest, OutOfRange);
        }
        else if (count == 0)
        {
            Succeed(command);
        }
        else
        {
            BeginRead(command, present, (long)lba * SectorBytes, (long)count * SectorBytes);
        }
    }

    private void BeginRead(AtaCommand command, IBlockBackend present, long offsetBytes, long lengthBytes)
    {
        var job = port.RentJob();
        job.Kind = BlockJobKind.Read;
        job.Backend = present;
        job.OffsetBytes = offsetBytes;

        // An image may end in the middle of its last sector; the rest of that is not there.
        job.LengthBytes = Math.Min(lengthBytes, present.SizeBytes - offsetBytes);
        job.Segments.AddRange(command.Segments);
        _reads++;
        job.Completed = (done, result) =>
        {
            command.TransferredBytes = (uint)done.LengthBytes;
            OnReadOver();
            switch (result)
            {
                case BlockJobResult.Ok:
                    Succeed(command);
                    break;
                case BlockJobResult.Abandoned:
                    break;
                case BlockJobResult.BadBuffer:
                    port.FailBuffer(command);
                    break;
                default:
                    Fail(command, SenseMediumError, UnrecoveredRead);
                    break;
            }
        };
        port.Begin(command, job);
    }

    private void OnReadOver()
    {
        if (--_reads == 0)
        {
            _unused?.TrySetResult();
            _unused = null;
        }
    }

    private void SucceedIfReady(AtaCommand command)
    {
        if (Medium is null)
        {
            Fail(command, SenseNotReady, NoMedium);
        }
        else
        {
            Succeed(command);
        }
    }

    private void Succeed(AtaCommand command)
    {
        (_senseKey, _senseCode) = (0, 0);
        port.SetResult(command, (long)command.TransferredBytes << 8 & 0xFFFF00, 3);
        port.Complete(command, AtaStatus.Ok, 0, AtaCompletion.Register);
    }

    /// <summary>Fails with sense data, whose key the error register shows too.</summary>
    private void Fail(AtaCommand command, byte senseKey, ushort senseCode)
    {
        (_senseKey, _senseCode) = (senseKey, senseCode);
        command.TransferredBytes = 0;
        port.SetResult(command, 0, 3);
        port.Complete(command, AtaStatus.Failed, (byte)(senseKey << 4), AtaCompletion.Register);
    }
}
