using System.Numerics;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Moves, element access and conversions that involve MMX registers, and EMMS.</summary>
internal static unsafe class MmxMoveHandlers
{
    private const ushort AllEmpty = 0xFFFF;

    /// <summary>MOVD, MOVQ into MMX, zero-extended.</summary>
    public static bool Load<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryInteger<T>
    {
        if (!MmxUnit.Enter(core) || !SseUnit.TrySource(core, op, out T value))
        {
            return false;
        }

        MmxUnit.Write(core, op->Reg1, ulong.CreateTruncating(value));
        return true;
    }

    /// <summary>MOVD, MOVQ, MOVNTQ to memory.</summary>
    public static bool Store<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged
    {
        if (!MmxUnit.Enter(core) || !core.TryStore(op, *SseUnit.Register<T>(core, op->Reg2)))
        {
            return false;
        }

        MmxUnit.Commit(core);
        return true;
    }

    /// <summary>MOVD, MOVQ to a general register, zero-extended.</summary>
    public static bool ToGeneral<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryInteger<T>
    {
        if (!MmxUnit.Enter(core))
        {
            return false;
        }

        MmxUnit.Commit(core);
        *SseUnit.Destination<ulong>(core, op) = ulong.CreateTruncating(*SseUnit.Register<T>(core, op->Reg2));
        return true;
    }

    public static bool InsertWord(CpuCore core, DecodedOp* op)
    {
        if (!MmxUnit.Enter(core) || !SseUnit.TrySource(core, op, out ushort value))
        {
            return false;
        }

        var shift = (int)(op->Immediate & 3) * 16;
        MmxUnit.Write(core, op->Reg1, (*SseUnit.Destination<ulong>(core, op) & ~(0xFFFFUL << shift)) | ((ulong)value << shift));
        return true;
    }

    public static bool ExtractWord(CpuCore core, DecodedOp* op)
    {
        if (!MmxUnit.Enter(core))
        {
            return false;
        }

        MmxUnit.Commit(core);
        *SseUnit.Destination<ulong>(core, op) = SseUnit.Register<ushort>(core, op->Reg2)[op->Immediate & 3];
        return true;
    }

    /// <summary>PMOVMSKB.</summary>
    public static bool SignMask(CpuCore core, DecodedOp* op)
    {
        if (!MmxUnit.Enter(core))
        {
            return false;
        }

        MmxUnit.Commit(core);
        var value = Vector128.CreateScalar(*SseUnit.Register<ulong>(core, op->Reg2)).AsByte();
        *SseUnit.Destination<ulong>(core, op) = value.ExtractMostSignificantBits();
        return true;
    }

    /// <summary>MASKMOVQ: the memory operand is [seg:rDI].</summary>
    public static bool StoreMasked(CpuCore core, DecodedOp* op)
    {
        if (!MmxUnit.Enter(core))
        {
            return false;
        }

        var mask = Vector128.CreateScalar(*SseUnit.Register<ulong>(core, op->Reg2)).AsByte().ExtractMostSignificantBits();
        if (!MoveHandlers.StoreRuns(core, op, new ReadOnlySpan<byte>(SseUnit.Register<byte>(core, op->Reg1), 8), mask))
        {
            return false;
        }

        MmxUnit.Commit(core);
        return true;
    }

    /// <summary>MOVQ2DQ.</summary>
    public static bool ToVector(CpuCore core, DecodedOp* op)
    {
        if (!MmxUnit.EnterWithSse(core))
        {
            return false;
        }

        MmxUnit.Commit(core);
        *SseUnit.Destination<Vector128<ulong>>(core, op) = Vector128.CreateScalar(*SseUnit.Register<ulong>(core, op->Reg2));
        return true;
    }

    /// <summary>MOVDQ2Q.</summary>
    public static bool FromVector(CpuCore core, DecodedOp* op)
    {
        if (!MmxUnit.EnterWithSse(core))
        {
            return false;
        }

        MmxUnit.Write(core, op->Reg1, *SseUnit.Register<ulong>(core, op->Reg2));
        return true;
    }

    /// <summary>CVTPI2PS and the register form of CVTPI2PD.</summary>
    public static bool ConvertToVector<TConversion>(CpuCore core, DecodedOp* op)
        where TConversion : struct, IPackedConversion
    {
        if (!MmxUnit.EnterWithSse(core) || !SseUnit.TrySource(core, op, out ulong source))
        {
            return false;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var destination = SseUnit.Destination<Vector128<byte>>(core, op);
        var result = TConversion.Convert(*destination, Vector128.CreateScalar(source).AsByte(), core.State->Mxcsr, ref status);
        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        MmxUnit.Commit(core);
        *destination = result;
        return true;
    }

    /// <summary>CVTPS2PI, CVTTPS2PI: the source has 8 bytes.</summary>
    public static bool ConvertFromSingles<TConversion>(CpuCore core, DecodedOp* op)
        where TConversion : struct, IPackedConversion =>
        MmxUnit.EnterWithSse(core)
        && SseUnit.TrySource(core, op, out ulong source)
        && Convert<TConversion>(core, op, Vector128.CreateScalar(source).AsByte());

    /// <summary>CVTPD2PI, CVTTPD2PI: the source has 16 bytes.</summary>
    public static bool ConvertFromDoubles<TConversion>(CpuCore core, DecodedOp* op)
        where TConversion : struct, IPackedConversion =>
        MmxUnit.EnterWithSse(core) && SseUnit.TryAlignedSource(core, op, out var source) && Convert<TConversion>(core, op, source);

    public static bool Empty(CpuCore core, DecodedOp* op)
    {
        if (!MmxUnit.Enter(core))
        {
            return false;
        }

        core.State->Fsw &= unchecked((ushort)~X87Unit.TopMask);
        core.State->Ftw = AllEmpty;
        return true;
    }

    private static bool Convert<TConversion>(CpuCore core, DecodedOp* op, Vector128<byte> source)
        where TConversion : struct, IPackedConversion
    {
        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var result = TConversion.Convert(Vector128<byte>.Zero, source, core.State->Mxcsr, ref status);
        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        MmxUnit.Write(core, op->Reg1, result.AsUInt64().ToScalar());
        return true;
    }
}
