using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Handlers of floating-point operations on XMM registers, scalar and packed, for <c>float</c> and <c>double</c>.</summary>
internal static unsafe class FloatHandlers
{
    public static bool Scalar<TOperation, T>(CpuCore core, DecodedOp* op)
        where TOperation : struct, ILaneOperation
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!SseUnit.Enter(core) || !SseUnit.TrySource(core, op, out T source))
        {
            return false;
        }

        var destination = SseUnit.Destination<T>(core, op);
        if (TOperation.TryFast(*destination, source, core.State->Mxcsr, out var result, out var inexact))
        {
            *destination = result;
            if (inexact)
            {
                core.State->Mxcsr |= FloatFlags.Precision;
            }

            return true;
        }

        return ScalarExact<TOperation, T>(core, destination, source);
    }

    public static bool Packed<TOperation, T>(CpuCore core, DecodedOp* op)
        where TOperation : struct, ILaneOperation
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!SseUnit.Enter(core) || !SseUnit.TryAlignedSource(core, op, out var source))
        {
            return false;
        }

        var destination = SseUnit.Destination<Vector128<T>>(core, op);
        if (TOperation.TryVector(*destination, source.As<byte, T>(), core.State->Mxcsr, out var result))
        {
            *destination = result;
            return true;
        }

        return PackedByLane<TOperation, T>(core, destination, *destination, source.As<byte, T>());
    }

    /// <summary>HADDPS, HADDPD, HSUBPS, HSUBPD: neighbours of both operands.</summary>
    public static bool Horizontal<TOperation, T>(CpuCore core, DecodedOp* op)
        where TOperation : struct, ILaneOperation
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!SseUnit.Enter(core) || !SseUnit.TryAlignedSource(core, op, out var source))
        {
            return false;
        }

        var destination = SseUnit.Destination<Vector128<T>>(core, op);
        FloatLanes.Deinterleave(*destination, source.As<byte, T>(), out var even, out var odd);
        return PackedByLane<TOperation, T>(core, destination, even, odd);
    }

    /// <summary>ADDSUBPS, ADDSUBPD: even lanes subtract, odd lanes add.</summary>
    public static bool AddSubtract<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!SseUnit.Enter(core) || !SseUnit.TryAlignedSource(core, op, out var source))
        {
            return false;
        }

        var destination = SseUnit.Destination<Vector128<T>>(core, op);
        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var result = FloatLanes.AddSubtract(*destination, source.As<byte, T>(), core.State->Mxcsr, ref status);
        return Complete(core, destination, result, status);
    }

    /// <summary>DPPS, DPPD.</summary>
    public static bool DotProduct<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!SseUnit.Enter(core) || !SseUnit.TryAlignedSource(core, op, out var source))
        {
            return false;
        }

        var destination = SseUnit.Destination<Vector128<T>>(core, op);
        if (!FloatLanes.TryDotProduct(core, destination->ToVector256(), source.As<byte, T>().ToVector256(), Vector128<T>.Count, (int)op->Immediate, out var result))
        {
            return false;
        }

        *destination = result.GetLower();
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool ScalarExact<TOperation, T>(CpuCore core, T* destination, T source)
        where TOperation : struct, ILaneOperation
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var result = TOperation.Exact(*destination, source, ref status);
        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        *destination = result;
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool PackedByLane<TOperation, T>(CpuCore core, Vector128<T>* destination, Vector128<T> a, Vector128<T> b)
        where TOperation : struct, ILaneOperation
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var result = FloatLanes.Apply<TOperation, T>(a, b, core.State->Mxcsr, ref status);
        return Complete(core, destination, result, status);
    }

    private static bool Complete<T>(CpuCore core, Vector128<T>* destination, Vector128<T> result, in FloatStatus status)
    {
        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        *destination = result;
        return true;
    }
}
