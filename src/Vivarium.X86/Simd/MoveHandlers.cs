using System.Numerics;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Moves to, from and between XMM registers. Loads take the register in Reg1, stores in Reg2.</summary>
internal static unsafe class MoveHandlers
{
    /// <summary>MOVAPS, MOVAPD, MOVDQA, MOVNTDQA.</summary>
    public static bool LoadAligned(CpuCore core, DecodedOp* op)
    {
        if (!SseUnit.Enter(core) || !SseUnit.TryAlignedSource(core, op, out var value))
        {
            return false;
        }

        *SseUnit.Destination<Vector128<byte>>(core, op) = value;
        return true;
    }

    /// <summary>MOVUPS, MOVUPD, MOVDQU, LDDQU.</summary>
    public static bool Load(CpuCore core, DecodedOp* op)
    {
        if (!SseUnit.Enter(core) || !SseUnit.TrySource(core, op, out Vector128<byte> value))
        {
            return false;
        }

        *SseUnit.Destination<Vector128<byte>>(core, op) = value;
        return true;
    }

    /// <summary>MOVAPS, MOVAPD, MOVDQA, MOVNTPS, MOVNTPD, MOVNTDQ to memory.</summary>
    public static bool StoreAligned(CpuCore core, DecodedOp* op) =>
        SseUnit.Enter(core) && SseUnit.CheckAligned(core, op) && core.TryStore(op, *SseUnit.Register<Vector128<byte>>(core, op->Reg2));

    /// <summary>A store of the low part of a register at any alignment: MOVUPS, MOVSS, MOVSD, MOVLPS, MOVD, MOVQ…</summary>
    public static bool Store<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged => SseUnit.Enter(core) && core.TryStore(op, *SseUnit.Register<T>(core, op->Reg2));

    /// <summary>MOVHPS, MOVHPD to memory.</summary>
    public static bool StoreHigh(CpuCore core, DecodedOp* op) =>
        SseUnit.Enter(core) && core.TryStore(op, SseUnit.Register<ulong>(core, op->Reg2)[1]);

    /// <summary>MOVSS, MOVSD, MOVD and MOVQ into XMM: the rest becomes zero.</summary>
    public static bool LoadZeroExtended<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged
    {
        if (!SseUnit.Enter(core) || !SseUnit.TrySource(core, op, out T value))
        {
            return false;
        }

        *SseUnit.Destination<Vector128<byte>>(core, op) = Vector128.CreateScalar(value).AsByte();
        return true;
    }

    /// <summary>MOVSS, MOVSD between registers, MOVLPS, MOVLPD from memory: the rest stays.</summary>
    public static bool MergeLow<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged
    {
        if (!SseUnit.Enter(core) || !SseUnit.TrySource(core, op, out T value))
        {
            return false;
        }

        *SseUnit.Destination<T>(core, op) = value;
        return true;
    }

    /// <summary>MOVHPS, MOVHPD from memory, MOVLHPS.</summary>
    public static bool MergeHigh(CpuCore core, DecodedOp* op)
    {
        if (!SseUnit.Enter(core) || !SseUnit.TrySource(core, op, out ulong value))
        {
            return false;
        }

        SseUnit.Destination<ulong>(core, op)[1] = value;
        return true;
    }

    /// <summary>MOVHLPS.</summary>
    public static bool HighToLow(CpuCore core, DecodedOp* op)
    {
        if (!SseUnit.Enter(core))
        {
            return false;
        }

        *SseUnit.Destination<ulong>(core, op) = SseUnit.Register<ulong>(core, op->Reg2)[1];
        return true;
    }

    /// <summary>MOVD to a 32-bit general register, which it zero-extends.</summary>
    public static bool ToGeneral32(CpuCore core, DecodedOp* op)
    {
        if (!SseUnit.Enter(core))
        {
            return false;
        }

        *SseUnit.Destination<ulong>(core, op) = *SseUnit.Register<uint>(core, op->Reg2);
        return true;
    }

    /// <summary>MOVQ to a 64-bit general register.</summary>
    public static bool ToGeneral64(CpuCore core, DecodedOp* op)
    {
        if (!SseUnit.Enter(core))
        {
            return false;
        }

        *SseUnit.Destination<ulong>(core, op) = *SseUnit.Register<ulong>(core, op->Reg2);
        return true;
    }

    /// <summary>MOVMSKPS, MOVMSKPD, PMOVMSKB.</summary>
    public static bool SignMask<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged
    {
        if (!SseUnit.Enter(core))
        {
            return false;
        }

        *SseUnit.Destination<ulong>(core, op) = SseUnit.Register<Vector128<T>>(core, op->Reg2)->ExtractMostSignificantBits();
        return true;
    }

    /// <summary>MOVNTI: not an SSE register instruction, so neither CR0 nor CR4 forbids it.</summary>
    public static bool StoreGeneral<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged => core.TryStore(op, *SseUnit.Register<T>(core, op->Reg2));

    /// <summary>MASKMOVDQU: stores the bytes whose mask has its sign set. Memory operand: [seg:rDI].</summary>
    public static bool StoreMasked(CpuCore core, DecodedOp* op) => SseUnit.Enter(core) && StoreMaskedRuns(core, op);

    /// <summary>The same, the checks having been made.</summary>
    public static bool StoreMaskedRuns(CpuCore core, DecodedOp* op)
    {
        var mask = SseUnit.Register<Vector128<byte>>(core, op->Reg2)->ExtractMostSignificantBits();
        return StoreRuns(core, op, new ReadOnlySpan<byte>(SseUnit.Register<byte>(core, op->Reg1), 16), mask);
    }

    /// <summary>Stores each run of bytes whose bit is set, all of them or, after a fault, none.</summary>
    public static bool StoreRuns(CpuCore core, DecodedOp* op, ReadOnlySpan<byte> data, uint mask)
    {
        // Across pages: what is stored in either of them must be there before any of it is stored.
        var inFirstPage = 0x1000 - (int)(core.LinearAddress(op) & 0xFFF);
        if (inFirstPage < data.Length)
        {
            var low = mask & ((1u << inFirstPage) - 1);
            if (!TryProbe(core, op, low) || !TryProbe(core, op, mask & ~low))
            {
                return false;
            }
        }

        for (var start = 0; start < data.Length; start++)
        {
            if ((mask & (1u << start)) == 0)
            {
                continue;
            }

            var end = start + 1;
            while (end < data.Length && (mask & (1u << end)) != 0)
            {
                end++;
            }

            if (!core.TryStoreBytes(op, start, data[start..end]))
            {
                return false;
            }

            start = end;
        }

        return true;
    }

    /// <summary>Whether the bytes from the lowest to the highest bit, which are in one page, may be written. The first of them is what faults.</summary>
    private static bool TryProbe(CpuCore core, DecodedOp* op, uint mask)
    {
        var first = BitOperations.TrailingZeroCount(mask);
        return mask == 0 || core.TryProbeWrite(op, first, BitOperations.Log2(mask) - first + 1);
    }
}
