using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <content>Command headers, tables and FISes in guest memory (AHCI 1.3.1 §4).</content>
internal sealed partial class AhciPort
{
    private const int HeaderBytes = 32;
    private const int TablePacketOffset = 0x40;
    private const int TablePrdOffset = 0x80;
    private const int PrdBytes = 16;
    private const uint PrdSizeMask = 0x3F_FFFF;
    private const ushort HeaderAtapi = 1 << 5;

    private const int FisPioOffset = 0x20;
    private const int FisRegisterOffset = 0x40;
    private const int FisDeviceBitsOffset = 0x58;
    private const byte FisInterrupt = 0x40;
    private const byte FisHostToDevice = 0x27;
    private const byte FisCommandBit = 0x80;
    private const byte ControlSoftReset = 0x04;

    private const uint RegisterInterrupt = 1 << 0;
    private const uint PioInterrupt = 1 << 1;
    private const uint DeviceBitsInterrupt = 1 << 3;
    private const uint HostDataErrorInterrupt = 1 << 28;
    private const uint HostFatalInterrupt = 1 << 29;
    private const uint TaskFileErrorInterrupt = 1 << 30;

    private readonly (long Lba, ushort Count)[] _results = new (long, ushort)[SlotCount];
    private readonly byte[] _prds = new byte[PrdBytes * 64];

    /// <summary>Slots whose queued commands the device accepted: they are no longer issued, but active.</summary>
    private uint _accepted;

    public BlockJob RentJob() => _jobs.Rent();

    public void Begin(AtaCommand command, BlockJob job)
    {
        job.Tag = (Number << 8) | command.Slot;
        _jobs.Begin(job);
    }

    public void SetResult(AtaCommand command, long lba, ushort count) => _results[command.Slot] = (lba, count);

    public void Send(AtaCommand command, ReadOnlySpan<byte> data)
    {
        var length = (int)Math.Min(data.Length, GuestBuffers.SizeOf(command.Segments));
        command.TransferredBytes = GuestBuffers.TryWrite(_memory, command.Segments, 0, data[..length]) ? (uint)length : 0;
    }

    public bool Receive(AtaCommand command, Span<byte> data)
    {
        command.TransferredBytes = (uint)data.Length;
        return GuestBuffers.TryRead(_memory, command.Segments, 0, data);
    }

    public void FailBuffer(AtaCommand command)
    {
        _interruptStatus |= HostDataErrorInterrupt;
        Complete(command, AtaStatus.Failed, AtaStatus.ErrorAborted, command.IsQueued ? AtaCompletion.DeviceBits : AtaCompletion.Register);
    }

    public void Complete(AtaCommand command, byte status, byte error, AtaCompletion completion)
    {
        var bit = 1u << command.Slot;
        var hasFailed = (status & AtaStatus.Error) != 0;
        if ((_running & bit) == 0)
        {
            return;
        }

        _running &= ~bit;
        _accepted &= ~bit;
        if (!command.IsQueued)
        {
            WriteTransferred(command);
        }

        if (completion == AtaCompletion.DeviceBits)
        {
            _taskFile = ((uint)error << 8) | (status & 0x77u) | (_taskFile & 0x88);
            SendDeviceBits(status, error, hasFailed ? 0 : bit);
            _active &= hasFailed ? uint.MaxValue : ~bit;
            _interruptStatus |= DeviceBitsInterrupt;
        }
        else
        {
            _taskFile = ((uint)error << 8) | status;
            SendResult(command, status, error, completion);
            _interruptStatus |= completion == AtaCompletion.PioSetup ? PioInterrupt : RegisterInterrupt;
            _issued &= hasFailed ? uint.MaxValue : ~bit;
        }

        if (hasFailed)
        {
            _isHalted = true;
            _interruptStatus |= TaskFileErrorInterrupt;
        }

        _interrupt(Number);
        Kick();
    }

    /// <summary>Reads header, FIS, packet and PRD table; false if they are not in memory.</summary>
    private bool Fetch(AtaCommand command)
    {
        Span<byte> header = stackalloc byte[16];
        if (!_memory.TryRead(_listGpa + ((ulong)command.Slot * HeaderBytes), header))
        {
            return false;
        }

        var table = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]) & ~0x7FUL;
        command.TransferredBytes = 0;
        _results[command.Slot] = default;
        command.Segments.Clear();
        return _memory.TryRead(table, command.Fis)
            && ((BinaryPrimitives.ReadUInt16LittleEndian(header) & HeaderAtapi) == 0 || _memory.TryRead(table + TablePacketOffset, command.Packet))
            && FetchPrds(command, table + TablePrdOffset, BinaryPrimitives.ReadUInt16LittleEndian(header[2..]));
    }

    private bool FetchPrds(AtaCommand command, ulong gpa, int count)
    {
        while (count > 0)
        {
            var some = Math.Min(count, _prds.Length / PrdBytes);
            if (!_memory.TryRead(gpa, _prds.AsSpan(0, some * PrdBytes)))
            {
                return false;
            }

            for (var i = 0; i < some; i++)
            {
                var prd = _prds.AsSpan(i * PrdBytes, PrdBytes);
                command.Segments.Add((BinaryPrimitives.ReadUInt64LittleEndian(prd) & ~1UL, (BinaryPrimitives.ReadUInt32LittleEndian(prd[12..]) & PrdSizeMask) + 1));
            }

            count -= some;
            gpa += (ulong)(some * PrdBytes);
        }

        return true;
    }

    private void Start(AtaCommand command)
    {
        var bit = 1u << command.Slot;
        if (command.Fis[0] != FisHostToDevice)
        {
            HostError();
            return;
        }

        if ((command.Fis[1] & FisCommandBit) == 0)
        {
            // One that was accepted before a pause may have been overwritten by the guest; it must not be begun for ever.
            _running &= ~bit;
            _issued &= ~bit;
            _accepted &= ~bit;
            WriteControl(command.Fis[15]);
            return;
        }

        if (command.IsQueued)
        {
            _issued &= ~bit;
            _accepted |= bit;
            if (command.Tag != command.Slot || (_active & bit) == 0)
            {
                Complete(command, AtaStatus.Failed, AtaStatus.ErrorAborted, AtaCompletion.DeviceBits);
                return;
            }
        }
        else
        {
            _taskFile |= AtaStatus.Busy;
        }

        Device!.Execute(command);
    }

    /// <summary>A software reset ends when its bit is cleared; then the device shows what it is.</summary>
    private void WriteControl(byte control)
    {
        var isReset = (control & ControlSoftReset) != 0;
        if (_isSoftReset && !isReset)
        {
            ResetLink();
        }
        else if (isReset)
        {
            _taskFile |= AtaStatus.Busy;
        }

        _isSoftReset = isReset;
    }

    private void HostError()
    {
        _isHalted = true;
        _interruptStatus |= HostFatalInterrupt;
        _interrupt(Number);
    }

    private void WriteTransferred(AtaCommand command)
    {
        Span<byte> count = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(count, command.TransferredBytes);
        _memory.TryWrite(_listGpa + ((ulong)command.Slot * HeaderBytes) + 4, count);
    }

    private void SendResult(AtaCommand command, byte status, byte error, AtaCompletion completion)
    {
        var (lba, count) = _results[command.Slot];
        Span<byte> fis = stackalloc byte[20];
        fis.Clear();
        fis[0] = completion == AtaCompletion.PioSetup ? (byte)0x5F : (byte)0x34;
        fis[1] = completion == AtaCompletion.PioSetup ? (byte)(FisInterrupt | 0x20) : FisInterrupt;
        fis[2] = completion == AtaCompletion.PioSetup ? (byte)(status | AtaStatus.DataRequest) : status;
        fis[3] = error;
        PutAddress(fis, lba, command.DeviceRegister);
        BinaryPrimitives.WriteUInt16LittleEndian(fis[12..], count);
        if (completion == AtaCompletion.PioSetup)
        {
            fis[15] = status;
            BinaryPrimitives.WriteUInt16LittleEndian(fis[16..], (ushort)Math.Min(command.TransferredBytes, ushort.MaxValue));
        }

        SendFis(completion == AtaCompletion.PioSetup ? FisPioOffset : FisRegisterOffset, fis);
    }

    private void SendDeviceBits(byte status, byte error, uint finished)
    {
        Span<byte> fis = stackalloc byte[8];
        fis[0] = 0xA1;
        fis[1] = FisInterrupt;
        fis[2] = (byte)(status & 0x77);
        fis[3] = error;
        BinaryPrimitives.WriteUInt32LittleEndian(fis[4..], finished);
        SendFis(FisDeviceBitsOffset, fis);
    }

    private void SendSignature()
    {
        if (Device is null)
        {
            return;
        }

        Span<byte> fis = stackalloc byte[20];
        fis.Clear();
        fis[0] = 0x34;
        fis[2] = (byte)_taskFile;
        fis[3] = 1;
        fis[4] = (byte)(_signature >> 8);
        fis[5] = (byte)(_signature >> 16);
        fis[6] = (byte)(_signature >> 24);
        fis[12] = (byte)_signature;
        SendFis(FisRegisterOffset, fis);
    }

    private void SendFis(int offset, ReadOnlySpan<byte> fis)
    {
        if ((_command & CommandFisReceive) != 0 && _mayUseMemory())
        {
            _memory.TryWrite(_fisGpa + (ulong)offset, fis);
        }
    }

    private static void PutAddress(Span<byte> fis, long lba, byte device)
    {
        for (var i = 0; i < 3; i++)
        {
            fis[4 + i] = (byte)(lba >> (8 * i));
            fis[8 + i] = (byte)(lba >> (24 + (8 * i)));
        }

        fis[7] = device;
    }
}
