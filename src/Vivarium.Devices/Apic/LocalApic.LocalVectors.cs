namespace Vivarium.Devices;

public sealed partial class LocalApic
{
    private const int LvtTimer = 0;
    private const int LvtThermal = 1;
    private const int LvtPerformance = 2;
    private const int LvtLint0 = 3;
    private const int LvtLint1 = 4;
    private const int LvtError = 5;

    /// <summary>Which bits of each entry of the local vector table can be written.</summary>
    private static readonly uint[] s_lvtWritable = [0x700FF, 0x107FF, 0x107FF, 0x1A7FF, 0x1A7FF, 0x100FF];

    private readonly uint[] _localVectors = new uint[6];
    private readonly bool[] _lintLevels = new bool[2];
    private bool _externalLatched;

    /// <summary>
    /// Whether the 8259 waits for an acknowledge: it does if the APIC is off, so that LINT0 is the INTR pin, or LINT0 is in ExtINT mode,
    /// or an ExtINT message came. Any thread.
    /// </summary>
    private bool IsExternalInterruptPending
    {
        get
        {
            if (!Volatile.Read(ref _lintLevels[0]))
            {
                return Volatile.Read(ref _externalLatched);
            }

            var lint0 = LocalVector(LvtLint0);
            return !IsGloballyEnabled
                ? _isBootstrap
                : (lint0 & ApicBits.LvtMasked) == 0 && ApicBits.DeliveryMode(lint0) == ApicDeliveryMode.ExtInt;
        }
    }

    /// <summary>Drives LINT0 or LINT1. Called with the device lock held.</summary>
    internal void SetLint(int pin, bool level)
    {
        if (Volatile.Read(ref _lintLevels[pin]) == level)
        {
            return;
        }

        // The vCPU writes an entry and then looks at the level; here it is the other way round. One of the two must see both.
        Volatile.Write(ref _lintLevels[pin], level);
        Interlocked.MemoryBarrier();
        if (!level)
        {
            return;
        }

        if (IsGloballyEnabled)
        {
            RaiseLint(pin);
        }
        else if (pin == 0)
        {
            // Without the APIC, LINT0 is the INTR pin and LINT1 the NMI pin.
            _signals?.SignalInterrupt();
        }
        else
        {
            _signals?.SignalNmi();
        }
    }

    /// <summary>
    /// Ends what <see cref="SetLint"/> or an ExtINT message made pending, if it still is. Called with the device lock held.
    /// </summary>
    internal bool TryTakeExternal()
    {
        var pending = IsExternalInterruptPending;
        Volatile.Write(ref _externalLatched, false);
        return pending;
    }

    private uint LocalVector(int entry) => Volatile.Read(ref _localVectors[entry]);

    private void WriteLocalVector(int entry, uint value)
    {
        value = (value & s_lvtWritable[entry]) | (IsSoftwareEnabled ? 0 : ApicBits.LvtMasked);
        value |= (value & ApicBits.LvtLevelTriggered) != 0 ? _localVectors[entry] & ApicBits.LvtRemoteIrr : 0;
        Volatile.Write(ref _localVectors[entry], value);
        Interlocked.MemoryBarrier();

        // A level that waited behind the mask, or the 8259's, comes through now.
        if (entry is LvtLint0 or LvtLint1 && Volatile.Read(ref _lintLevels[entry - LvtLint0])
            && (ApicBits.DeliveryMode(value) == ApicDeliveryMode.ExtInt || (value & ApicBits.LvtLevelTriggered) != 0))
        {
            RaiseLint(entry - LvtLint0);
        }
    }

    private void RaiseLint(int pin)
    {
        var entry = LvtLint0 + pin;
        var value = LocalVector(entry);
        if (ApicBits.DeliveryMode(value) == ApicDeliveryMode.Fixed && (value & ApicBits.LvtLevelTriggered) != 0)
        {
            // A level is taken once and again after each EOI while it lasts.
            if ((value & (ApicBits.LvtMasked | ApicBits.LvtRemoteIrr)) == 0)
            {
                Volatile.Write(ref _localVectors[entry], value | ApicBits.LvtRemoteIrr);
                Accept((byte)value, isLevelTriggered: true);
            }
        }
        else
        {
            RaiseLocal(entry);
        }
    }

    private void EndLevelInterrupt(byte vector)
    {
        for (var pin = 0; pin < _lintLevels.Length; pin++)
        {
            var value = LocalVector(LvtLint0 + pin);
            if ((value & ApicBits.LvtRemoteIrr) != 0 && (byte)value == vector)
            {
                Volatile.Write(ref _localVectors[LvtLint0 + pin], value & ~ApicBits.LvtRemoteIrr);
                if (Volatile.Read(ref _lintLevels[pin]))
                {
                    RaiseLint(pin);
                }
            }
        }
    }

    /// <summary>Raises a local interrupt as its entry says. Any thread.</summary>
    private void RaiseLocal(int entry)
    {
        var value = LocalVector(entry);
        var mode = entry is LvtTimer or LvtError ? ApicDeliveryMode.Fixed : ApicBits.DeliveryMode(value);
        if (mode == ApicDeliveryMode.ExtInt)
        {
            // The level itself is what IsExternalInterruptPending looks at.
            _signals?.SignalInterrupt();
        }
        else if ((value & ApicBits.LvtMasked) == 0 && mode is not (ApicDeliveryMode.LowestPriority or ApicDeliveryMode.Startup))
        {
            Deliver(mode, (byte)value, isLevelTriggered: false);
        }
    }
}
