using System.Buffers.Binary;
using Vivarium.X86;

namespace Vivarium.Debugging;

/// <summary>Reads and writes described registers of a parked processor.</summary>
internal static unsafe class RegisterAccess
{
    private const int VectorBytes = 64;
    private const int FpuBytes = 16;

    /// <summary>Fills <paramref name="destination"/>, which has the register's size, with its value, little-endian.</summary>
    public static void Read(CpuDebugger cpu, in DescribedRegister register, Span<byte> destination)
    {
        // SAFETY: numbers come from the target description, within what the state has; destinations have the register's size.
        var s = cpu.Core.State;
        switch (register.Kind)
        {
            case RegisterKind.Fpu:
                new ReadOnlySpan<byte>(s->X87 + (PhysicalOf(s, register.Number) * FpuBytes), register.SizeBytes).CopyTo(destination);
                break;
            case RegisterKind.Vector:
                new ReadOnlySpan<byte>(s->Vector + (register.Number * VectorBytes), register.SizeBytes).CopyTo(destination);
                break;
            case RegisterKind.UpperVector:
                new ReadOnlySpan<byte>(s->Vector + (register.Number * VectorBytes) + 16, register.SizeBytes).CopyTo(destination);
                break;
            default:
                Span<byte> value = stackalloc byte[sizeof(ulong)];
                BinaryPrimitives.WriteUInt64LittleEndian(value, ReadNumber(cpu, register));
                value[..register.SizeBytes].CopyTo(destination);
                break;
        }
    }

    /// <summary>Writes a register from as many bytes as it has; false if the processor would not take the value.</summary>
    public static bool TryWrite(CpuDebugger cpu, in DescribedRegister register, ReadOnlySpan<byte> source)
    {
        // SAFETY: as in Read.
        var s = cpu.Core.State;
        switch (register.Kind)
        {
            case RegisterKind.Fpu:
                source.CopyTo(new Span<byte>(s->X87 + (PhysicalOf(s, register.Number) * FpuBytes), register.SizeBytes));
                return true;
            case RegisterKind.Vector:
                source.CopyTo(new Span<byte>(s->Vector + (register.Number * VectorBytes), register.SizeBytes));
                return true;
            case RegisterKind.UpperVector:
                source.CopyTo(new Span<byte>(s->Vector + (register.Number * VectorBytes) + 16, register.SizeBytes));
                return true;
            default:
                Span<byte> value = stackalloc byte[sizeof(ulong)];
                value.Clear();
                source.CopyTo(value);
                return SystemRegisterWriter.TryWrite(cpu, register, BinaryPrimitives.ReadUInt64LittleEndian(value));
        }
    }

    /// <summary>The value of a register of up to 8 bytes.</summary>
    public static ulong ReadNumber(CpuDebugger cpu, in DescribedRegister register)
    {
        // SAFETY: as in Read.
        var s = cpu.Core.State;
        return register.Kind switch
        {
            RegisterKind.General => s->Gpr[register.Number],
            RegisterKind.InstructionPointer => s->Rip,
            RegisterKind.Flags => LazyFlags.GetAll(s),
            RegisterKind.Selector => cpu.Core.Segment(register.Number).Selector,
            RegisterKind.SegmentBase => cpu.Core.Segment(register.Number).Base,
            RegisterKind.KernelGsBase => s->KernelGsBase,
            RegisterKind.FpuControl => s->Fcw,
            RegisterKind.FpuStatus => s->Fsw,
            RegisterKind.FpuTags => s->Ftw,
            RegisterKind.FpuCodeSegment => s->Fcs,
            RegisterKind.FpuCodeOffset => s->Fip,
            RegisterKind.FpuDataSegment => s->Fds,
            RegisterKind.FpuDataOffset => s->Fdp,
            RegisterKind.FpuOpcode => s->Fop,
            RegisterKind.VectorControl => s->Mxcsr,
            RegisterKind.ExtendedFeatures => s->Efer,
            RegisterKind.ExtendedControl => s->Xcr0,
            RegisterKind.Debug => s->Dr[register.Number],
            RegisterKind.GdtBase => s->GdtBase,
            RegisterKind.GdtLimit => s->GdtLimit,
            RegisterKind.IdtBase => s->IdtBase,
            RegisterKind.IdtLimit => s->IdtLimit,
            _ => register.Number switch
            {
                0 => s->Cr0,
                2 => s->Cr2,
                3 => s->Cr3,
                4 => s->Cr4,
                _ => cpu.Core.LocalApic?.TaskPriorityClass ?? 0UL,
            },
        };
    }

    /// <summary>ST(i) is a place on a stack whose top moves.</summary>
    private static int PhysicalOf(CpuState* s, int number) => ((s->Fsw >> 11) + number) & 7;
}
