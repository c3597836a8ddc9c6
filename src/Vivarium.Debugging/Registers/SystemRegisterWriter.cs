using Vivarium.X86;

namespace Vivarium.Debugging;

/// <summary>
/// Writes registers of up to 8 bytes, with the effects that the guest's own instruction would have. What would fault is refused; a value that is
/// there already never is, as gdb writes all registers back together.
/// </summary>
internal static unsafe class SystemRegisterWriter
{
    private const ulong Dr6Fixed = 0xFFFF0FF0;
    private const ulong Dr6Writable = 0xE00F;
    private const ulong Dr7Writable = 0xFFFF23FF;
    private const ulong Dr7Fixed = 0x400;

    public static bool TryWrite(CpuDebugger cpu, in DescribedRegister register, ulong value)
    {
        var mask = register.SizeBytes == sizeof(ulong) ? ulong.MaxValue : (1UL << (register.SizeBytes * 8)) - 1;
        if (((RegisterAccess.ReadNumber(cpu, register) ^ value) & mask) == 0)
        {
            return true;
        }

        // SAFETY: numbers come from the target description, within what the state has.
        var core = cpu.Core;
        var s = core.State;
        switch (register.Kind)
        {
            case RegisterKind.General: s->Gpr[register.Number] = value; return true;
            case RegisterKind.InstructionPointer: cpu.JumpTo(value); return true;
            case RegisterKind.Flags: SetFlags(core, value); return true;
            case RegisterKind.Selector: return SegmentWriter.TryWrite(cpu, register.Number, value);
            case RegisterKind.SegmentBase: return TrySetBase(core, register.Number, value);
            case RegisterKind.KernelGsBase: return TrySet(ref s->KernelGsBase, value, IsCanonical(value));
            case RegisterKind.FpuControl: s->Fcw = (ushort)((value & X87Unit.ControlMask) | X87Unit.ControlFixed); return true;
            case RegisterKind.FpuStatus: s->Fsw = (ushort)value; return true;
            case RegisterKind.FpuTags: s->Ftw = (ushort)value; return true;
            case RegisterKind.FpuCodeSegment: s->Fcs = (ushort)value; return true;
            case RegisterKind.FpuCodeOffset: s->Fip = value; return true;
            case RegisterKind.FpuDataSegment: s->Fds = (ushort)value; return true;
            case RegisterKind.FpuDataOffset: s->Fdp = value; return true;
            case RegisterKind.FpuOpcode: s->Fop = (ushort)(value & 0x7FF); return true;
            case RegisterKind.VectorControl: return TrySet(ref s->Mxcsr, (uint)value, value <= 0xFFFF);
            case RegisterKind.ExtendedFeatures: return Complete(core, ControlRegisters.TryWriteEfer(core, value));
            case RegisterKind.ExtendedControl: return TrySet(ref s->Xcr0, value, (value & 1) != 0 && (value & ~core.SupportedXcr0) == 0 && (value & 6) != 4);
            case RegisterKind.Debug: return TrySetDebug(core, register.Number, value);
            case RegisterKind.GdtBase: return TrySet(ref s->GdtBase, value, IsCanonical(value));
            case RegisterKind.GdtLimit: return TrySet(ref s->GdtLimit, (uint)value, value <= 0xFFFF);
            case RegisterKind.IdtBase: return TrySet(ref s->IdtBase, value, IsCanonical(value));
            case RegisterKind.IdtLimit: return TrySet(ref s->IdtLimit, (uint)value, value <= 0xFFFF);
            default: return TrySetControl(core, register.Number, value);
        }
    }

    private static bool TrySet<T>(ref T field, T value, bool isValid)
        where T : unmanaged
    {
        field = isValid ? value : field;
        return isValid;
    }

    private static bool IsCanonical(ulong linear) => (ulong)((long)(linear << 16) >> 16) == linear;

    /// <summary>Virtual-8086 mode is entered and left by instructions that change segments too, so its flag stays.</summary>
    private static void SetFlags(CpuCore core, ulong value)
    {
        LazyFlags.SetAll(core.State, (value & Rflags.All & ~Rflags.Vm) | (core.State->FlagSystem & Rflags.Vm) | Rflags.One);
        core.UpdateMode();
    }

    private static bool TrySetBase(CpuCore core, int segment, ulong value)
    {
        ref var register = ref core.Segment(segment);
        return core.IsLongMode ? TrySet(ref register.Base, value, IsCanonical(value)) : TrySet(ref register.Base, value, value <= uint.MaxValue);
    }

    private static bool TrySetDebug(CpuCore core, int number, ulong value)
    {
        if (number >= 6 && value >> 32 != 0)
        {
            return false;
        }

        core.State->Dr[number] = number switch
        {
            6 => (value & Dr6Writable) | Dr6Fixed,
            7 => (value & Dr7Writable) | Dr7Fixed,
            _ => value,
        };
        core.FlushTlb();
        return true;
    }

    private static bool TrySetControl(CpuCore core, int number, ulong value)
    {
        switch (number)
        {
            case 0:
                return Complete(core, ControlRegisters.TryWriteCr0(core, value));
            case 2:
                core.State->Cr2 = value;
                return true;
            case 3:
                return Complete(core, ControlRegisters.TryWriteCr3(core, value));
            case 4:
                return Complete(core, ControlRegisters.TryWriteCr4(core, value));
            default:
                if (core.LocalApic is not { } apic || value > 15)
                {
                    return false;
                }

                apic.TaskPriorityClass = (byte)value;
                return true;
        }
    }

    /// <summary>The fault that a refusal recorded is nobody's.</summary>
    private static bool Complete(CpuCore core, bool done)
    {
        core.Pending = PendingKind.None;
        return done;
    }
}
