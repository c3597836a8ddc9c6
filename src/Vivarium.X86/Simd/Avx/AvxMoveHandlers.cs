using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Moves to, from and between vector registers in VEX encoding. Loads take the register in Reg1, stores in Reg2.</summary>
internal static unsafe class AvxMoveHandlers
{
    /// <summary>VMOVUPS, VMOVUPD, VMOVDQU, VLDDQU, and every move between registers.</summary>
    public static bool Load<TLength>(CpuCore core, DecodedOp* op)
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<TLength>(core, op, out var value))
        {
            return false;
        }

        AvxUnit.Write<TLength>(core, op, value);
        return true;
    }

    /// <summary>VMOVAPS, VMOVAPD, VMOVDQA, VMOVNTDQA from memory.</summary>
    public static bool LoadAligned<TLength>(CpuCore core, DecodedOp* op)
        where TLength : struct, IVectorLength => AvxUnit.Enter(core) && AvxUnit.CheckAligned<TLength>(core, op) && Load<TLength>(core, op);

    /// <summary>A store of the low part of a register at any alignment: VMOVUPS, VMOVSS, VMOVLPS, VMOVD, VMOVQ…</summary>
    public static bool Store<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged => AvxUnit.Enter(core) && core.TryStore(op, *SseUnit.Register<T>(core, op->Reg2));

    /// <summary>VMOVAPS, VMOVAPD, VMOVDQA, VMOVNTPS, VMOVNTPD, VMOVNTDQ to memory.</summary>
    public static bool StoreAligned<TLength>(CpuCore core, DecodedOp* op)
        where TLength : struct, IVectorLength => AvxUnit.Enter(core)
            && AvxUnit.CheckAligned<TLength>(core, op)
            && (TLength.Is256 ? Store<Vector256<byte>>(core, op) : Store<Vector128<byte>>(core, op));

    /// <summary>VMOVHPS, VMOVHPD to memory.</summary>
    public static bool StoreHigh(CpuCore core, DecodedOp* op) =>
        AvxUnit.Enter(core) && core.TryStore(op, SseUnit.Register<ulong>(core, op->Reg2)[1]);

    /// <summary>VMOVSS, VMOVSD, VMOVD and VMOVQ into a vector register: the rest becomes zero.</summary>
    public static bool LoadZeroExtended<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged
    {
        if (!AvxUnit.Enter(core) || !SseUnit.TrySource(core, op, out T value))
        {
            return false;
        }

        AvxUnit.Write(core, op, Vector128.CreateScalar(value).AsByte());
        return true;
    }

    /// <summary>VMOVSS, VMOVSD between registers, VMOVLPS, VMOVLPD from memory: the rest is the first source's.</summary>
    public static bool MergeLow<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged
    {
        if (!AvxUnit.Enter(core) || !SseUnit.TrySource(core, op, out T value))
        {
            return false;
        }

        AvxUnit.WriteScalar(core, op, value);
        return true;
    }

    /// <summary>VMOVHPS, VMOVHPD from memory, VMOVLHPS: the low half is the first source's.</summary>
    public static bool MergeHigh(CpuCore core, DecodedOp* op)
    {
        if (!AvxUnit.Enter(core) || !SseUnit.TrySource(core, op, out ulong value))
        {
            return false;
        }

        AvxUnit.Write(core, op, Vector128.Create(*AvxUnit.First<ulong>(core, op), value).AsByte());
        return true;
    }

    /// <summary>VMOVHLPS.</summary>
    public static bool HighToLow(CpuCore core, DecodedOp* op)
    {
        if (!AvxUnit.Enter(core))
        {
            return false;
        }

        AvxUnit.WriteScalar(core, op, SseUnit.Register<ulong>(core, op->Reg2)[1]);
        return true;
    }

    /// <summary>VMOVD to a general register, which it zero-extends, and VMOVQ.</summary>
    public static bool ToGeneral<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged
    {
        if (!AvxUnit.Enter(core))
        {
            return false;
        }

        *SseUnit.Destination<ulong>(core, op) = Width<T>.Get(core.State, op->Reg2);
        return true;
    }

    /// <summary>VMOVMSKPS, VMOVMSKPD, VPMOVMSKB.</summary>
    public static bool SignMask<T, TLength>(CpuCore core, DecodedOp* op)
        where T : unmanaged
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core))
        {
            return false;
        }

        *SseUnit.Destination<ulong>(core, op) = TLength.Is256
            ? SseUnit.Register<Vector256<T>>(core, op->Reg2)->ExtractMostSignificantBits()
            : SseUnit.Register<Vector128<T>>(core, op->Reg2)->ExtractMostSignificantBits();
        return true;
    }

    /// <summary>VMASKMOVDQU: the legacy instruction under the checks of AVX.</summary>
    public static bool StoreMaskedBytes(CpuCore core, DecodedOp* op) => AvxUnit.Enter(core) && MoveHandlers.StoreMaskedRuns(core, op);

    public static bool LoadMxcsr(CpuCore core, DecodedOp* op) => AvxUnit.Enter(core) && FxHandlers.TryLoadMxcsr(core, op);

    public static bool StoreMxcsr(CpuCore core, DecodedOp* op) => AvxUnit.Enter(core) && core.TryStore(op, core.State->Mxcsr);
}
