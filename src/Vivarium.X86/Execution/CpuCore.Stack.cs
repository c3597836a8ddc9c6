using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>The stack: SS:RSP with the width of the stack segment.</summary>
internal sealed unsafe partial class CpuCore
{
    private const int RspIndex = 4;

    /// <summary>Which bits of RSP address the stack: 64 in 64-bit mode, else by SS.B.</summary>
    public ulong StackMask =>
        Is64BitCode ? ulong.MaxValue : (State->Ss.Attributes & SegmentRegister.Default32) != 0 ? uint.MaxValue : ushort.MaxValue;

    /// <summary>Reads at an offset in the stack segment.</summary>
    public bool TryReadStack<T>(ulong offset, out ulong value)
        where T : unmanaged
    {
        if (TrySegment((int)X86Segment.Ss, offset, sizeof(T), PageAccess.Read, out var linear))
        {
            return TryRead<T>(linear, (int)X86Segment.Ss, out value);
        }

        value = 0;
        return false;
    }

    /// <summary>Writes at an offset in the stack segment.</summary>
    public bool TryWriteStack<T>(ulong offset, ulong value)
        where T : unmanaged =>
        TrySegment((int)X86Segment.Ss, offset, sizeof(T), PageAccess.Write, out var linear) && TryWrite<T>(linear, (int)X86Segment.Ss, value);

    /// <summary>Pushes; on a fault RSP is unchanged.</summary>
    public bool TryPush<T>(ulong value)
        where T : unmanaged
    {
        var mask = StackMask;
        var rsp = State->Gpr[RspIndex];
        var top = (rsp - (ulong)sizeof(T)) & mask;
        if (!TryWriteStack<T>(top, value))
        {
            return false;
        }

        SetStackPointer(mask, top);
        return true;
    }

    /// <summary>
    /// A push of an event's frame failed: an #SS says whether it came of an event outside the program or of an earlier exception (EXT, Intel SDM
    /// Vol. 3A §6.13). False.
    /// </summary>
    public bool FailPush(uint external) => FaultVector == ExceptionVector.StackFault && Raise(ExceptionVector.StackFault, FaultErrorCode | external);

    /// <summary>Pops; on a fault RSP is unchanged.</summary>
    public bool TryPop<T>(out ulong value)
        where T : unmanaged
    {
        var mask = StackMask;
        var top = State->Gpr[RspIndex] & mask;
        if (!TryReadStack<T>(top, out value))
        {
            return false;
        }

        SetStackPointer(mask, (top + (ulong)sizeof(T)) & mask);
        return true;
    }

    /// <summary>Pushes 2, 4 or 8 bytes.</summary>
    public bool TryPush(int sizeBytes, ulong value) => sizeBytes switch
    {
        2 => TryPush<ushort>(value),
        4 => TryPush<uint>(value),
        _ => TryPush<ulong>(value),
    };

    /// <summary>Pops 2, 4 or 8 bytes.</summary>
    public bool TryPop(int sizeBytes, out ulong value) => sizeBytes switch
    {
        2 => TryPop<ushort>(out value),
        4 => TryPop<uint>(out value),
        _ => TryPop<ulong>(out value),
    };

    /// <summary>Writes the stack pointer, keeping the bits that the stack's width does not address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void SetStackPointer(ulong mask, ulong value) =>
        State->Gpr[RspIndex] = mask == uint.MaxValue ? (uint)value : (State->Gpr[RspIndex] & ~mask) | (value & mask);
}
