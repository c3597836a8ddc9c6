namespace Vivarium.Devices;

public sealed partial class LocalApic
{
    private const uint ApicBaseMsr = 0x1B;
    private const uint TscDeadlineMsr = 0x6E0;
    private const uint FirstX2ApicMsr = 0x800;
    private const uint LastX2ApicMsr = 0x83F;

    /// <summary>ICR bits that may be written: vector, mode, destination mode, status (ignored), level, trigger, shorthand.</summary>
    private const uint CommandWritable = 0x000C_DFFF;

    /// <inheritdoc/>
    public bool TryReadMsr(uint index, out ulong value)
    {
        value = 0;
        switch (index)
        {
            case ApicBaseMsr:
                value = ApicBase;
                return true;
            case TscDeadlineMsr:
                value = ReadTscDeadline();
                return true;
            case >= FirstX2ApicMsr and <= LastX2ApicMsr when IsX2Apic:
                return TryReadX2Apic((ApicRegister)(index - FirstX2ApicMsr), out value);
            default:
                return false;
        }
    }

    /// <inheritdoc/>
    public bool TryWriteMsr(uint index, ulong value)
    {
        switch (index)
        {
            case ApicBaseMsr:
                return TryWriteApicBase(value);
            case TscDeadlineMsr:
                WriteTscDeadline(value);
                return true;
            case >= FirstX2ApicMsr and <= LastX2ApicMsr when IsX2Apic:
                return TryWriteX2Apic((ApicRegister)(index - FirstX2ApicMsr), value);
            default:
                return false;
        }
    }

    private static ulong X2ApicWritable(ApicRegister register) => register switch
    {
        ApicRegister.TaskPriority or ApicRegister.SelfIpi => 0xFF,
        ApicRegister.SpuriousVector => ApicBits.SpuriousWritable,
        ApicRegister.CommandLow => 0xFFFF_FFFF_0000_0000 | CommandWritable,
        >= ApicRegister.LvtTimer and <= ApicRegister.LvtError =>
            s_lvtWritable[register - ApicRegister.LvtTimer] | ApicBits.LvtRemoteIrr | ApicBits.LvtDeliveryStatus,
        ApicRegister.TimerInitial => uint.MaxValue,
        ApicRegister.TimerDivide => DivideWritable,
        _ => 0,
    };

    private bool TryReadX2Apic(ApicRegister register, out ulong value)
    {
        value = 0;
        if (register == ApicRegister.CommandLow)
        {
            value = _command;
            return true;
        }

        // These exist in xAPIC mode only, or can only be written.
        if (register is ApicRegister.ArbitrationPriority or ApicRegister.EndOfInterrupt or ApicRegister.DestinationFormat
            or ApicRegister.CommandHigh || !TryRead(register, out var low))
        {
            return false;
        }

        value = low;
        return true;
    }

    private bool TryWriteX2Apic(ApicRegister register, ulong value)
    {
        if ((value & ~X2ApicWritable(register)) != 0)
        {
            return false;
        }

        switch (register)
        {
            case ApicRegister.CommandLow:
                _command = value;
                _set.SendIpi(this, (uint)value, (uint)(value >> 32), isX2Apic: true);
                return true;
            case ApicRegister.SelfIpi:
                _set.SendSelf(this, (byte)value);
                return true;
            default:
                return TryWrite(register, (uint)value);
        }
    }

    /// <summary>The mode changes that are allowed: off to xAPIC, xAPIC to x2APIC, and both to off (Intel SDM Vol. 3A §11.12.5).</summary>
    private bool TryWriteApicBase(ulong value)
    {
        var toEnabled = (value & ApicBits.BaseEnable) != 0;
        var toX2Apic = (value & ApicBits.BaseX2Apic) != 0;
        if ((value & _baseReserved) != 0 || (toX2Apic && (!toEnabled || !IsGloballyEnabled)) || (IsX2Apic && toEnabled && !toX2Apic))
        {
            return false;
        }

        var wasEnabled = IsGloballyEnabled;
        Volatile.Write(ref _apicBase, (value & ~ApicBits.BaseBootstrap) | (_isBootstrap ? ApicBits.BaseBootstrap : 0));
        if (wasEnabled && !toEnabled)
        {
            ResetByInit();
        }

        return true;
    }
}
