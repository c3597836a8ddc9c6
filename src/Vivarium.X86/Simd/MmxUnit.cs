using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>What MMX instructions share: their checks, and the passage of the x87 registers into MMX use (Intel SDM Vol. 1 §9.5, §9.6).</summary>
internal static unsafe class MmxUnit
{
    /// <summary>Sign and exponent that MMX writes leave in the x87 register.</summary>
    private const ushort MmxExponent = 0xFFFF;

    /// <summary>#UD for CR0.EM, #NM for CR0.TS, #MF for a pending x87 exception.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Enter(CpuCore core)
    {
        var state = core.State;
        if ((state->Cr0 & (SseUnit.Cr0Emulation | SseUnit.Cr0TaskSwitched)) != 0)
        {
            return core.Raise((state->Cr0 & SseUnit.Cr0Emulation) != 0 ? ExceptionVector.InvalidOpcode : ExceptionVector.DeviceNotAvailable);
        }

        return X87Unit.CheckPending(core);
    }

    /// <summary>For instructions that use XMM and MMX registers.</summary>
    public static bool EnterWithSse(CpuCore core) => SseUnit.Enter(core) && X87Unit.CheckPending(core);

    /// <summary>Enters MMX use: TOP becomes 0 and all registers valid. Called once nothing can fault any more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Commit(CpuCore core)
    {
        core.State->Fsw &= unchecked((ushort)~X87Unit.TopMask);
        core.State->Ftw = 0;
    }

    /// <summary>Enters MMX use and writes a register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(CpuCore core, int offset, ulong value)
    {
        Commit(core);
        var register = SseUnit.Register<ulong>(core, offset);
        *register = value;
        *(ushort*)(register + 1) = MmxExponent;
    }
}
