using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Handlers of pure vector operations on XMM registers.</summary>
internal static unsafe class VectorHandlers
{
    public static bool Binary<TOperation>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorBinary
    {
        if (!SseUnit.Enter(core) || !SseUnit.TryAlignedSource(core, op, out var source))
        {
            return false;
        }

        var destination = SseUnit.Destination<Vector128<byte>>(core, op);
        *destination = TOperation.Apply(*destination, source);
        return true;
    }

    public static bool Immediate<TOperation>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorImmediate
    {
        if (!SseUnit.Enter(core) || !SseUnit.TryAlignedSource(core, op, out var source))
        {
            return false;
        }

        var destination = SseUnit.Destination<Vector128<byte>>(core, op);
        *destination = TOperation.Apply(*destination, source, (byte)op->Immediate);
        return true;
    }

    public static bool WithXmm0<TOperation>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorTernary
    {
        if (!SseUnit.Enter(core) || !SseUnit.TryAlignedSource(core, op, out var source))
        {
            return false;
        }

        var destination = SseUnit.Destination<Vector128<byte>>(core, op);
        *destination = TOperation.Apply(*destination, source, *SseUnit.Register<Vector128<byte>>(core, RegisterOffset.Vector));
        return true;
    }

    /// <summary>Source of 2, 4 or 8 bytes in memory (PMOVSX, MOVDDUP…), of any alignment.</summary>
    public static bool NarrowSource<TOperation, TSource>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorBinary
        where TSource : unmanaged
    {
        if (!SseUnit.Enter(core) || !SseUnit.TrySource(core, op, out TSource source))
        {
            return false;
        }

        var destination = SseUnit.Destination<Vector128<byte>>(core, op);
        *destination = TOperation.Apply(*destination, Vector128.CreateScalar(source).AsByte());
        return true;
    }

    public static bool ShiftByVector<TOperation>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorShift
    {
        if (!SseUnit.Enter(core) || !SseUnit.TryAlignedSource(core, op, out var source))
        {
            return false;
        }

        var destination = SseUnit.Destination<Vector128<byte>>(core, op);
        *destination = TOperation.Apply(*destination, source.AsUInt64().ToScalar());
        return true;
    }

    public static bool ShiftByImmediate<TOperation>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorShift
    {
        if (!SseUnit.Enter(core))
        {
            return false;
        }

        var destination = SseUnit.Destination<Vector128<byte>>(core, op);
        *destination = TOperation.Apply(*destination, (byte)op->Immediate);
        return true;
    }

    /// <summary>PTEST: ZF when no bit is common, CF when the source is within the destination.</summary>
    public static bool Test(CpuCore core, DecodedOp* op)
    {
        if (!SseUnit.Enter(core) || !SseUnit.TryAlignedSource(core, op, out var source))
        {
            return false;
        }

        var destination = *SseUnit.Destination<Vector128<byte>>(core, op);
        var zero = (destination & source) == Vector128<byte>.Zero;
        var carry = Vector128.AndNot(source, destination) == Vector128<byte>.Zero;
        LazyFlags.Set(core.State, (zero ? Rflags.Zf : 0) | (carry ? Rflags.Cf : 0));
        return true;
    }
}
