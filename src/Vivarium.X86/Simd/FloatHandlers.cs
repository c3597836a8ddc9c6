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
        var (first, second) = (*destination, source.As<byte, T>());
        var (even, odd) = (first, first);
        var half = Vector128<T>.Count / 2;
        for (var i = 0; i < half; i++)
        {
            even = even.WithElement(i, first.GetElement(2 * i)).WithElement(i + half, second.GetElement(2 * i));
            odd = odd.WithElement(i, first.GetElement((2 * i) + 1)).WithElement(i + half, second.GetElement((2 * i) + 1));
        }

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
        var (a, b) = (*destination, source.As<byte, T>());
        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var result = Vector128<T>.Zero;
        for (var i = 0; i < Vector128<T>.Count; i++)
        {
            var lane = (i & 1) == 0
                ? Lane<RoundedOperation<FloatLaneArithmetic.Subtract>, T>(a.GetElement(i), b.GetElement(i), core.State->Mxcsr, ref status)
                : Lane<RoundedOperation<FloatLaneArithmetic.Add>, T>(a.GetElement(i), b.GetElement(i), core.State->Mxcsr, ref status);
            result = result.WithElement(i, lane);
        }

        return Complete(core, destination, result, status);
    }

    /// <summary>DPPS, DPPD: a masked dot product in the order of the manual, faults checked after each stage.</summary>
    public static bool DotProduct<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!SseUnit.Enter(core) || !SseUnit.TryAlignedSource(core, op, out var source))
        {
            return false;
        }

        var mask = (int)op->Immediate;
        var destination = SseUnit.Destination<Vector128<T>>(core, op);
        var (a, b) = (*destination, source.As<byte, T>());
        var count = Vector128<T>.Count;
        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var terms = Vector128<T>.Zero;
        for (var i = 0; i < count; i++)
        {
            if ((mask & (16 << i)) != 0)
            {
                var product = Lane<RoundedOperation<FloatLaneArithmetic.Multiply>, T>(
                    a.GetElement(i), b.GetElement(i), core.State->Mxcsr, ref status);
                terms = terms.WithElement(i, product);
            }
        }

        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        for (var width = count / 2; width >= 1; width /= 2)
        {
            for (var i = 0; i < width; i++)
            {
                var sum = Lane<RoundedOperation<FloatLaneArithmetic.Add>, T>(
                    terms.GetElement(2 * i), terms.GetElement((2 * i) + 1), core.State->Mxcsr, ref status);
                terms = terms.WithElement(i, sum);
            }

            if (!SseUnit.Accept(core, status))
            {
                return false;
            }
        }

        var result = Vector128<T>.Zero;
        for (var i = 0; i < count; i++)
        {
            if ((mask & (1 << i)) != 0)
            {
                result = result.WithElement(i, terms.GetElement(0));
            }
        }

        *destination = result;
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
        var result = Vector128<T>.Zero;
        for (var i = 0; i < Vector128<T>.Count; i++)
        {
            result = result.WithElement(i, Lane<TOperation, T>(a.GetElement(i), b.GetElement(i), core.State->Mxcsr, ref status));
        }

        return Complete(core, destination, result, status);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Lane<TOperation, T>(T a, T b, uint mxcsr, ref FloatStatus status)
        where TOperation : struct, ILaneOperation
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (TOperation.TryFast(a, b, mxcsr, out var result, out var inexact))
        {
            status.Flags |= inexact ? FloatFlags.Precision : 0;
            return result;
        }

        return TOperation.Exact(a, b, ref status);
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
