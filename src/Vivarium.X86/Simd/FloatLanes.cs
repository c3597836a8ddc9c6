using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Floating-point operations lane by lane, the host's arithmetic where it serves; exceptions gather in the status.</summary>
internal static unsafe class FloatLanes
{
    public static Vector128<T> Apply<TOperation, T>(Vector128<T> a, Vector128<T> b, uint mxcsr, ref FloatStatus status)
        where TOperation : struct, ILaneOperation
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var result = Vector128<T>.Zero;
        for (var i = 0; i < Vector128<T>.Count; i++)
        {
            result = result.WithElement(i, Lane<TOperation, T>(a.GetElement(i), b.GetElement(i), mxcsr, ref status));
        }

        return result;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Lane<TOperation, T>(T a, T b, uint mxcsr, ref FloatStatus status)
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

    /// <summary>The even and the odd lanes of two vectors, as horizontal operations pair them.</summary>
    public static void Deinterleave<T>(Vector128<T> first, Vector128<T> second, out Vector128<T> even, out Vector128<T> odd)
        where T : unmanaged
    {
        (even, odd) = (first, first);
        var half = Vector128<T>.Count / 2;
        for (var i = 0; i < half; i++)
        {
            even = even.WithElement(i, first.GetElement(2 * i)).WithElement(i + half, second.GetElement(2 * i));
            odd = odd.WithElement(i, first.GetElement((2 * i) + 1)).WithElement(i + half, second.GetElement((2 * i) + 1));
        }
    }

    /// <summary>ADDSUBPS, ADDSUBPD: even lanes subtract, odd lanes add.</summary>
    public static Vector128<T> AddSubtract<T>(Vector128<T> a, Vector128<T> b, uint mxcsr, ref FloatStatus status)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var result = Vector128<T>.Zero;
        for (var i = 0; i < Vector128<T>.Count; i++)
        {
            var lane = (i & 1) == 0
                ? Lane<RoundedOperation<FloatLaneArithmetic.Subtract>, T>(a.GetElement(i), b.GetElement(i), mxcsr, ref status)
                : Lane<RoundedOperation<FloatLaneArithmetic.Add>, T>(a.GetElement(i), b.GetElement(i), mxcsr, ref status);
            result = result.WithElement(i, lane);
        }

        return result;
    }

    /// <summary>DPPS, DPPD: a masked dot product of each 128 bits in the order of the manual, faults checked after each stage.</summary>
    public static bool TryDotProduct<T>(CpuCore core, Vector256<T> a, Vector256<T> b, int lanes, int mask, out Vector256<T> result)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        result = Vector256<T>.Zero;
        var group = Vector128<T>.Count;
        var mxcsr = core.State->Mxcsr;
        var status = FloatStatus.FromMxcsr(mxcsr);
        var terms = Vector256<T>.Zero;
        for (var i = 0; i < lanes; i++)
        {
            if ((mask & (16 << (i % group))) != 0)
            {
                terms = terms.WithElement(i, Lane<RoundedOperation<FloatLaneArithmetic.Multiply>, T>(a.GetElement(i), b.GetElement(i), mxcsr, ref status));
            }
        }

        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        for (var width = group / 2; width >= 1; width /= 2)
        {
            for (var start = 0; start < lanes; start += group)
            {
                for (var i = start; i < start + width; i++)
                {
                    var left = i + i - start;
                    terms = terms.WithElement(
                        i, Lane<RoundedOperation<FloatLaneArithmetic.Add>, T>(terms.GetElement(left), terms.GetElement(left + 1), mxcsr, ref status));
                }
            }

            if (!SseUnit.Accept(core, status))
            {
                return false;
            }
        }

        for (var i = 0; i < lanes; i++)
        {
            if ((mask & (1 << (i % group))) != 0)
            {
                result = result.WithElement(i, terms.GetElement(i - (i % group)));
            }
        }

        return true;
    }
}
