using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Handlers of floating-point operations in VEX encoding, scalar and packed, for <c>float</c> and <c>double</c>.</summary>
internal static unsafe class AvxFloatHandlers
{
    public static bool Scalar<TOperation, T>(CpuCore core, DecodedOp* op)
        where TOperation : struct, ILaneOperation
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!AvxUnit.Enter(core) || !SseUnit.TrySource(core, op, out T source))
        {
            return false;
        }

        var first = *AvxUnit.First<T>(core, op);
        if (TOperation.TryFast(first, source, core.State->Mxcsr, out var result, out var inexact))
        {
            AvxUnit.WriteScalar(core, op, result);
            core.State->Mxcsr |= inexact ? FloatFlags.Precision : 0;
            return true;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        result = TOperation.Exact(first, source, ref status);
        return CompleteScalar(core, op, result, status);
    }

    public static bool Packed<TOperation, T, TLength>(CpuCore core, DecodedOp* op)
        where TOperation : struct, ILaneOperation
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<TLength>(core, op, out var source))
        {
            return false;
        }

        var mxcsr = core.State->Mxcsr;
        var (a, b) = (*AvxUnit.First<Vector256<T>>(core, op), source.As<byte, T>());
        var high = Vector128<T>.Zero;
        if (TOperation.TryVector(a.GetLower(), b.GetLower(), mxcsr, out var low)
            && (!TLength.Is256 || TOperation.TryVector(a.GetUpper(), b.GetUpper(), mxcsr, out high)))
        {
            AvxUnit.Write<TLength>(core, op, Vector256.Create(low, high).AsByte());
            return true;
        }

        return ByLane<TOperation, T, TLength>(core, op, a, b);
    }

    /// <summary>VHADDPS, VHADDPD, VHSUBPS, VHSUBPD: neighbours of both operands, in each half.</summary>
    public static bool Horizontal<TOperation, T, TLength>(CpuCore core, DecodedOp* op)
        where TOperation : struct, ILaneOperation
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<TLength>(core, op, out var source))
        {
            return false;
        }

        var (a, b) = (*AvxUnit.First<Vector256<T>>(core, op), source.As<byte, T>());
        FloatLanes.Deinterleave(a.GetLower(), b.GetLower(), out var even, out var odd);
        if (!TLength.Is256)
        {
            return ByLane<TOperation, T, TLength>(core, op, even.ToVector256Unsafe(), odd.ToVector256Unsafe());
        }

        FloatLanes.Deinterleave(a.GetUpper(), b.GetUpper(), out var evenHigh, out var oddHigh);
        return ByLane<TOperation, T, TLength>(core, op, Vector256.Create(even, evenHigh), Vector256.Create(odd, oddHigh));
    }

    public static bool AddSubtract<T, TLength>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<TLength>(core, op, out var source))
        {
            return false;
        }

        var mxcsr = core.State->Mxcsr;
        var status = FloatStatus.FromMxcsr(mxcsr);
        var (a, b) = (*AvxUnit.First<Vector256<T>>(core, op), source.As<byte, T>());
        var low = FloatLanes.AddSubtract(a.GetLower(), b.GetLower(), mxcsr, ref status);
        var high = TLength.Is256 ? FloatLanes.AddSubtract(a.GetUpper(), b.GetUpper(), mxcsr, ref status) : default;
        return Complete<TLength>(core, op, Vector256.Create(low, high).AsByte(), status);
    }

    public static bool DotProduct<T, TLength>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<TLength>(core, op, out var source))
        {
            return false;
        }

        var lanes = TLength.Is256 ? Vector256<T>.Count : Vector128<T>.Count;
        if (!FloatLanes.TryDotProduct(core, *AvxUnit.First<Vector256<T>>(core, op), source.As<byte, T>(), lanes, (byte)op->Immediate, out var result))
        {
            return false;
        }

        AvxUnit.Write<TLength>(core, op, result.AsByte());
        return true;
    }

    public static bool CompareScalar<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!AvxUnit.Enter(core) || !SseUnit.TrySource(core, op, out T source))
        {
            return false;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var result = ComparePredicate.Mask(*AvxUnit.First<T>(core, op), source, (byte)op->Immediate, ref status);
        return CompleteScalar(core, op, result, status);
    }

    public static bool ComparePacked<T, TLength>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<TLength>(core, op, out var source))
        {
            return false;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var first = AvxUnit.First<T>(core, op);
        var result = source.As<byte, T>();
        for (var i = 0; i < (TLength.Is256 ? Vector256<T>.Count : Vector128<T>.Count); i++)
        {
            result = result.WithElement(i, ComparePredicate.Mask(first[i], result.GetElement(i), (byte)op->Immediate, ref status));
        }

        return Complete<TLength>(core, op, result.AsByte(), status);
    }

    /// <summary>VCOMISS, VCOMISD.</summary>
    public static bool Ordered<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => AvxUnit.Enter(core) && FloatCompareHandlers.TryCompare<T>(core, op, signaling: true);

    /// <summary>VUCOMISS, VUCOMISD.</summary>
    public static bool Unordered<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => AvxUnit.Enter(core) && FloatCompareHandlers.TryCompare<T>(core, op, signaling: false);

    /// <summary>Merges the exceptions and, unless one is unmasked, writes the result.</summary>
    public static bool Complete<TLength>(CpuCore core, DecodedOp* op, Vector256<byte> result, in FloatStatus status)
        where TLength : struct, IVectorLength
    {
        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        AvxUnit.Write<TLength>(core, op, result);
        return true;
    }

    /// <summary>The same for a scalar result.</summary>
    public static bool CompleteScalar<T>(CpuCore core, DecodedOp* op, T result, in FloatStatus status)
        where T : unmanaged
    {
        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        AvxUnit.WriteScalar(core, op, result);
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool ByLane<TOperation, T, TLength>(CpuCore core, DecodedOp* op, Vector256<T> a, Vector256<T> b)
        where TOperation : struct, ILaneOperation
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TLength : struct, IVectorLength
    {
        var mxcsr = core.State->Mxcsr;
        var status = FloatStatus.FromMxcsr(mxcsr);
        var low = FloatLanes.Apply<TOperation, T>(a.GetLower(), b.GetLower(), mxcsr, ref status);
        var high = TLength.Is256 ? FloatLanes.Apply<TOperation, T>(a.GetUpper(), b.GetUpper(), mxcsr, ref status) : default;
        return Complete<TLength>(core, op, Vector256.Create(low, high).AsByte(), status);
    }
}
