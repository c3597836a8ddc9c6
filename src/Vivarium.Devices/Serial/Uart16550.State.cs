namespace Vivarium.Devices;

public sealed partial class Uart16550
{
    /// <inheritdoc/>
    public void Reset()
    {
        _receiver.Clear();
        _timeoutTimer.Disarm();
        _fifoEnabled = false;
        _triggerLevel = 1;
        _divisor = 12;
        _interruptEnable = 0;
        _lineControl = 0;
        _modemControl = UartBits.Output2;
        _overrun = 0;
        _modemDeltas = 0;
        _scratch = 0;
        _transmitterEmptyPending = false;
        _timeoutPending = false;
        UpdateInterrupt();
        NotifyInputSpace();
    }

    /// <inheritdoc/>
    public void Start() => NotifyInputSpace();

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        Span<byte> entries = stackalloc byte[ReceiveFifoSize * 2];
        for (var i = 0; i < _receiver.Count; i++)
        {
            entries[2 * i] = (byte)_receiver[i];
            entries[2 * i + 1] = (byte)(_receiver[i] >> 8);
        }

        writer.Write(1, entries[..(2 * _receiver.Count)]);
        writer.Write(2, _fifoEnabled);
        writer.Write(3, (ulong)_triggerLevel);
        writer.Write(4, (ulong)_divisor);
        writer.Write(5, (ulong)_interruptEnable);
        writer.Write(6, (ulong)_lineControl);
        writer.Write(7, (ulong)_modemControl);
        writer.Write(8, (ulong)_overrun);
        writer.Write(9, (ulong)_modemDeltas);
        writer.Write(10, (ulong)_scratch);
        writer.Write(11, _transmitterEmptyPending);
        writer.Write(12, _timeoutPending);
        writer.Write(13, _timeoutTimer.DeadlineNs);
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        var entries = reader.ReadBytes(1);
        if (entries.Length > ReceiveFifoSize * 2 || entries.Length % 2 != 0)
        {
            throw reader.Invalid(1);
        }

        _receiver.Clear();
        for (var i = 0; i < entries.Length; i += 2)
        {
            _receiver.Push(entries[i], entries[i + 1]);
        }

        _fifoEnabled = reader.ReadBoolean(2);
        _triggerLevel = reader.ReadInt32(3, 1, ReceiveFifoSize);
        _divisor = reader.ReadUInt16(4);
        _interruptEnable = (byte)reader.ReadInt32(5, 0, UartBits.InterruptEnableMask);
        _lineControl = reader.ReadByte(6);
        _modemControl = (byte)reader.ReadInt32(7, 0, UartBits.ModemControlMask);
        _overrun = (byte)(reader.ReadByte(8) & UartBits.OverrunError);
        _modemDeltas = (byte)reader.ReadInt32(9, 0, 0x0F);
        _scratch = reader.ReadByte(10);
        _transmitterEmptyPending = reader.ReadBoolean(11);
        _timeoutPending = reader.ReadBoolean(12);
        _timeoutTimer.Rearm(reader.ReadTime(13));

        // The host may have been refused by the state that is replaced: tell it when the machine starts.
        _inputRefused = true;
        UpdateInterrupt();
    }
}
