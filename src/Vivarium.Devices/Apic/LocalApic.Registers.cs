namespace Vivarium.Devices;

public sealed partial class LocalApic
{
    private uint X2ApicLogicalId => (ApicId >> 4 << 16) | (1u << (int)(ApicId & 0xF));

    /// <inheritdoc/>
    public uint ReadRegister(uint offset, int sizeBytes)
    {
        // Each register is 32 bits at a multiple of 16; the rest of the page reads as zero.
        var shift = (int)(offset & 0xF) * 8;
        if (shift >= 32 || offset > 0xFFF)
        {
            return 0;
        }

        if (!TryRead((ApicRegister)(offset >> 4), out var value))
        {
            RecordError(ApicBits.ErrorIllegalRegister);
        }

        return (value >> shift) & (uint.MaxValue >> (32 - 8 * Math.Clamp(sizeBytes, 1, 4)));
    }

    /// <inheritdoc/>
    public void WriteRegister(uint offset, int sizeBytes, uint value)
    {
        // Writes must be aligned and of 32 bits (Intel SDM Vol. 3A §11.4.1); others have no effect.
        if (sizeBytes != 4 || (offset & 0xF) != 0 || offset > 0xFFF)
        {
            return;
        }

        var register = (ApicRegister)(offset >> 4);
        switch (register)
        {
            case ApicRegister.LogicalDestination:
                Volatile.Write(ref _logicalDestination, value & 0xFF00_0000);
                break;
            case ApicRegister.DestinationFormat:
                Volatile.Write(ref _destinationFormat, value | 0x0FFF_FFFF);
                break;
            case ApicRegister.CommandHigh:
                _command = (_command & uint.MaxValue) | ((ulong)(value & 0xFF00_0000) << 32);
                break;
            case ApicRegister.CommandLow:
                _command = (_command & ~(ulong)uint.MaxValue) | (value & CommandWritable);
                _set.SendIpi(this, (uint)_command, (uint)(_command >> 56), isX2Apic: false);
                break;
            default:
                if (!TryWrite(register, value) && !TryRead(register, out _))
                {
                    RecordError(ApicBits.ErrorIllegalRegister);
                }

                break;
        }
    }

    private bool TryRead(ApicRegister register, out uint value)
    {
        value = 0;
        switch (register)
        {
            case ApicRegister.Id:
                value = IsX2Apic ? ApicId : ApicId << 24;
                break;
            case ApicRegister.Version:
                value = ApicBits.Version;
                break;
            case ApicRegister.TaskPriority:
                value = _taskPriority;
                break;
            case ApicRegister.ArbitrationPriority:
                value = Math.Max(_taskPriority, (uint)Math.Max(0, Math.Max(_inService.Highest, _requests.Highest)) & 0xF0);
                break;
            case ApicRegister.ProcessorPriority:
                value = ProcessorPriority;
                break;
            case ApicRegister.EndOfInterrupt:
                break;
            case ApicRegister.LogicalDestination:
                value = IsX2Apic ? X2ApicLogicalId : _logicalDestination;
                break;
            case ApicRegister.DestinationFormat:
                value = _destinationFormat;
                break;
            case ApicRegister.SpuriousVector:
                value = _spuriousVector;
                break;
            case >= ApicRegister.InService and < ApicRegister.TriggerMode:
                value = _inService.Register((int)(register - ApicRegister.InService));
                break;
            case >= ApicRegister.TriggerMode and < ApicRegister.Requests:
                value = _triggerModes.Register((int)(register - ApicRegister.TriggerMode));
                break;
            case >= ApicRegister.Requests and < ApicRegister.ErrorStatus:
                value = _requests.Register((int)(register - ApicRegister.Requests));
                break;
            case ApicRegister.ErrorStatus:
                value = _latchedErrors;
                break;
            case ApicRegister.CommandLow:
                value = (uint)_command;
                break;
            case ApicRegister.CommandHigh:
                value = (uint)(_command >> 32);
                break;
            case >= ApicRegister.LvtTimer and <= ApicRegister.LvtError:
                value = LocalVector((int)(register - ApicRegister.LvtTimer));
                break;
            case ApicRegister.TimerInitial:
                value = _timerInitial;
                break;
            case ApicRegister.TimerCurrent:
                value = ReadTimerCurrent();
                break;
            case ApicRegister.TimerDivide:
                value = _timerDivide;
                break;
            default:
                return false;
        }

        return true;
    }

    /// <summary>Writes a register that is the same in both modes. False if it cannot be written.</summary>
    private bool TryWrite(ApicRegister register, uint value)
    {
        switch (register)
        {
            case ApicRegister.TaskPriority:
                SetTaskPriority((byte)value);
                break;
            case ApicRegister.EndOfInterrupt:
                EndOfInterrupt();
                break;
            case ApicRegister.SpuriousVector:
                WriteSpuriousVector(value);
                break;
            case ApicRegister.ErrorStatus:
                _latchedErrors = Interlocked.Exchange(ref _errors, 0);
                break;
            case ApicRegister.LvtTimer:
                WriteLvtTimer(value);
                break;
            case > ApicRegister.LvtTimer and <= ApicRegister.LvtError:
                WriteLocalVector((int)(register - ApicRegister.LvtTimer), value);
                break;
            case ApicRegister.TimerInitial:
                WriteTimerInitial(value);
                break;
            case ApicRegister.TimerDivide:
                WriteTimerDivide(value);
                break;
            default:
                return false;
        }

        return true;
    }

    private void WriteSpuriousVector(uint value)
    {
        Volatile.Write(ref _spuriousVector, value & ApicBits.SpuriousWritable);
        if (!IsSoftwareEnabled)
        {
            for (var i = 0; i < _localVectors.Length; i++)
            {
                Interlocked.Or(ref _localVectors[i], ApicBits.LvtMasked);
            }
        }
    }
}
