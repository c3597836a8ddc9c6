using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>What every SSE instruction shares: whether it may run, where its operands are, and how its exceptions are delivered.</summary>
internal static unsafe class SseUnit
{
    public const ulong Cr0MonitorCoprocessor = 1 << 1;
    public const ulong Cr0Emulation = 1 << 2;
    public const ulong Cr0TaskSwitched = 1 << 3;
    public const ulong Cr0NumericError = 1 << 5;
    public const ulong Cr4OsFxsr = 1 << 9;
    public const ulong Cr4OsXmmExceptions = 1 << 10;

    /// <summary>The checks of Intel SDM Vol. 2A §2.4: #UD for CR0.EM or no CR4.OSFXSR, #NM for CR0.TS.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Enter(CpuCore core)
    {
        var state = core.State;
        return (state->Cr0 & (Cr0Emulation | Cr0TaskSwitched)) == 0 && (state->Cr4 & Cr4OsFxsr) != 0 || Refuse(core);
    }

    // SAFETY: register offsets come from RegisterOffset and lie with their width inside CpuState, which outlives the core.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* Register<T>(CpuCore core, int offset)
        where T : unmanaged => (T*)((byte*)core.State + offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T* Destination<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged => Register<T>(core, op->Reg1);

    /// <summary>The source operand: a register, or memory of any alignment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TrySource<T>(CpuCore core, DecodedOp* op, out T value)
        where T : unmanaged
    {
        if (!op->HasMemory)
        {
            value = *Register<T>(core, op->Reg2);
            return true;
        }

        return core.TryLoad(op, out value);
    }

    /// <summary>The 16-byte source operand: a register, or memory that must be aligned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryAlignedSource(CpuCore core, DecodedOp* op, out Vector128<byte> value)
    {
        if (!op->HasMemory)
        {
            value = *Register<Vector128<byte>>(core, op->Reg2);
            return true;
        }

        if (CheckAligned(core, op))
        {
            return core.TryLoad(op, out value);
        }

        value = default;
        return false;
    }

    /// <summary>#GP(0) unless the memory operand is aligned to 16 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool CheckAligned(CpuCore core, DecodedOp* op) =>
        (core.LinearAddress(op) & 15) == 0 || core.Raise(ExceptionVector.GeneralProtection);

    /// <summary>Merges the exceptions of an operation into MXCSR; false after a fault, when the destination must stay as it was.</summary>
    public static bool Accept(CpuCore core, in FloatStatus status)
    {
        var state = core.State;
        var flags = status.Flags;
        var unmasked = flags & status.Unmasked;
        if (unmasked == 0)
        {
            state->Mxcsr |= flags;
            return true;
        }

        // An exception found before the operation prevents it, in all lanes (Intel SDM Vol. 1 §11.5.3.1).
        state->Mxcsr |= (unmasked & FloatFlags.PreComputation) != 0 ? flags & FloatFlags.PreComputation : flags;
        return core.Raise((state->Cr4 & Cr4OsXmmExceptions) != 0 ? ExceptionVector.SimdFault : ExceptionVector.InvalidOpcode);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Refuse(CpuCore core) =>
        core.Raise((core.State->Cr0 & Cr0Emulation) != 0 || (core.State->Cr4 & Cr4OsFxsr) == 0
            ? ExceptionVector.InvalidOpcode
            : ExceptionVector.DeviceNotAvailable);
}
