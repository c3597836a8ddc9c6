namespace Vivarium.Devices;

public sealed partial class LocalApic
{
    /// <inheritdoc/>
    public string StateName => $"lapic{ApicId}";

    /// <inheritdoc/>
    public void Reset()
    {
        Volatile.Write(ref _apicBase, ApicBits.BaseDefaultAddress | ApicBits.BaseEnable | (_isBootstrap ? ApicBits.BaseBootstrap : 0));
        ResetByInit();
    }

    /// <inheritdoc/>
    public void ResetByInit()
    {
        _requests.Clear();
        _inService.Clear();
        _triggerModes.Clear();
        Volatile.Write(ref _logicalDestination, 0);
        Volatile.Write(ref _destinationFormat, uint.MaxValue);
        Volatile.Write(ref _spuriousVector, 0xFF);
        Interlocked.Exchange(ref _errors, 0);
        _latchedErrors = 0;
        _command = 0;
        Volatile.Write(ref _taskPriority, 0);
        Volatile.Write(ref _externalLatched, false);
        for (var i = 0; i < _localVectors.Length; i++)
        {
            Volatile.Write(ref _localVectors[i], ApicBits.LvtMasked);
        }

        if (_isBootstrap)
        {
            // The virtual wire that firmware sets up, so that machines without firmware take the 8259's interrupts.
            Volatile.Write(ref _localVectors[LvtLint0], (uint)ApicDeliveryMode.ExtInt << 8);
        }

        lock (_timerLock)
        {
            _timerDivide = 0;
            _timerStartNs = 0;
            StopTimer();
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Write(1, _apicBase);
        _requests.Save(writer, 2);
        _inService.Save(writer, 3);
        _triggerModes.Save(writer, 4);
        writer.Write(5, (ulong)_logicalDestination);
        writer.Write(6, (ulong)_destinationFormat);
        writer.Write(7, (ulong)_spuriousVector);
        writer.Write(8, (ulong)_errors);
        writer.Write(9, (ulong)_latchedErrors);
        writer.Write(10, _command);
        writer.Write(11, (ulong)_taskPriority);
        writer.Write(12, _externalLatched);
        for (var i = 0; i < _localVectors.Length; i++)
        {
            writer.Write((ushort)(20 + i), (ulong)_localVectors[i]);
        }

        lock (_timerLock)
        {
            writer.Write(13, (ulong)_timerInitial);
            writer.Write(14, (ulong)_timerDivide);
            writer.Write(15, _timerStartNs);
            writer.Write(16, _timerDeadlineNs);
            writer.Write(17, _tscDeadline);
        }
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        var apicBase = reader.ReadUInt64(1);
        if ((apicBase & _baseReserved) != 0 || (apicBase & (ApicBits.BaseEnable | ApicBits.BaseX2Apic)) == ApicBits.BaseX2Apic)
        {
            throw reader.Invalid(1);
        }

        Volatile.Write(ref _apicBase, apicBase);
        _requests.Restore(reader, 2);
        _inService.Restore(reader, 3);
        _triggerModes.Restore(reader, 4);
        Volatile.Write(ref _logicalDestination, reader.ReadUInt32(5));
        Volatile.Write(ref _destinationFormat, reader.ReadUInt32(6));
        Volatile.Write(ref _spuriousVector, reader.ReadUInt32(7) & ApicBits.SpuriousWritable);
        _errors = reader.ReadUInt32(8);
        _latchedErrors = reader.ReadUInt32(9);
        _command = reader.ReadUInt64(10);
        Volatile.Write(ref _taskPriority, reader.ReadByte(11));
        Volatile.Write(ref _externalLatched, reader.ReadBoolean(12));
        for (var i = 0; i < _localVectors.Length; i++)
        {
            var value = reader.ReadUInt32((ushort)(20 + i));
            Volatile.Write(ref _localVectors[i], value & (s_lvtWritable[i] | ApicBits.LvtRemoteIrr));
        }

        lock (_timerLock)
        {
            _timerInitial = reader.ReadUInt32(13);
            _timerDivide = reader.ReadUInt32(14) & DivideWritable;
            _timerStartNs = reader.ReadInt64(15);
            _tscDeadline = reader.ReadUInt64(17);
            var deadline = reader.ReadTime(16);
            if (deadline != long.MaxValue && (IsTscDeadline ? _tscDeadline == 0 : _timerInitial == 0))
            {
                throw reader.Invalid(16);
            }

            ArmTimer(deadline);
        }
    }
}
