using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Handlers of pure vector operations in VEX encoding: the 128-bit operations, applied to each half.</summary>
internal static unsafe class AvxHandlers
{
    public static bool Binary<TOperation, TLength>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorBinary
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<TLength>(core, op, out var b))
        {
            return false;
        }

        var a = *AvxUnit.First<Vector256<byte>>(core, op);
        var low = TOperation.Apply(a.GetLower(), b.GetLower());
        AvxUnit.Write<TLength>(core, op, TLength.Is256 ? Vector256.Create(low, TOperation.Apply(a.GetUpper(), b.GetUpper())) : low.ToVector256Unsafe());
        return true;
    }

    public static bool Immediate<TOperation, TLength>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorImmediate
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<TLength>(core, op, out var b))
        {
            return false;
        }

        var a = *AvxUnit.First<Vector256<byte>>(core, op);
        var immediate = (byte)op->Immediate;
        var low = TOperation.Apply(a.GetLower(), b.GetLower(), immediate);
        AvxUnit.Write<TLength>(core, op, TLength.Is256
            ? Vector256.Create(low, TOperation.Apply(a.GetUpper(), b.GetUpper(), TOperation.Upper(immediate)))
            : low.ToVector256Unsafe());
        return true;
    }

    public static bool Blend<TOperation, TLength>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorTernary
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<TLength>(core, op, out var b))
        {
            return false;
        }

        var a = *AvxUnit.First<Vector256<byte>>(core, op);
        var c = *AvxUnit.Third<Vector256<byte>>(core, op);
        var low = TOperation.Apply(a.GetLower(), b.GetLower(), c.GetLower());
        AvxUnit.Write<TLength>(core, op, TLength.Is256
            ? Vector256.Create(low, TOperation.Apply(a.GetUpper(), b.GetUpper(), c.GetUpper()))
            : low.ToVector256Unsafe());
        return true;
    }

    /// <summary>VPMOVSX and VPMOVZX: each half of the result comes from as many bytes as <typeparamref name="TSource"/> has.</summary>
    public static bool Extend<TOperation, TSource, TLength>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorBinary
        where TSource : unmanaged
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core))
        {
            return false;
        }

        if (!TLength.Is256)
        {
            if (!SseUnit.TrySource(core, op, out TSource source))
            {
                return false;
            }

            AvxUnit.Write(core, op, TOperation.Apply(default, Vector128.CreateScalar(source).AsByte()));
            return true;
        }

        if (!SseUnit.TrySource(core, op, out Pair<TSource> pair))
        {
            return false;
        }

        var low = TOperation.Apply(default, Vector128.CreateScalar(pair[0]).AsByte());
        var high = TOperation.Apply(default, Vector128.CreateScalar(pair[1]).AsByte());
        AvxUnit.Write<TLength>(core, op, Vector256.Create(low, high));
        return true;
    }

    /// <summary>The count is in the low 64 bits of an XMM register or of 16 bytes of memory, whatever the vector length.</summary>
    public static bool ShiftByVector<TOperation, TLength>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorShift
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<Length128>(core, op, out var source))
        {
            return false;
        }

        Shift<TOperation, TLength>(core, op, *AvxUnit.First<Vector256<byte>>(core, op), source.AsUInt64().ToScalar());
        return true;
    }

    public static bool ShiftByImmediate<TOperation, TLength>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorShift
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core))
        {
            return false;
        }

        Shift<TOperation, TLength>(core, op, *SseUnit.Register<Vector256<byte>>(core, op->Reg2), (byte)op->Immediate);
        return true;
    }

    /// <summary>VPTEST: over all bits. VTESTPS and VTESTPD: over the signs of the lanes.</summary>
    public static bool Test<TLane, TLength>(CpuCore core, DecodedOp* op)
        where TLane : struct, ITestLane
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<TLength>(core, op, out var b))
        {
            return false;
        }

        var a = *SseUnit.Destination<Vector256<byte>>(core, op);
        var bits = TLength.Is256 ? TLane.Bits : TLane.Bits.GetLower().ToVector256();
        var zero = (a & b & bits) == Vector256<byte>.Zero;
        var carry = (Vector256.AndNot(b, a) & bits) == Vector256<byte>.Zero;
        LazyFlags.Set(core.State, (zero ? Rflags.Zf : 0) | (carry ? Rflags.Cf : 0));
        return true;
    }

    /// <summary>VZEROUPPER: bits 255:128 of every register that the mode has.</summary>
    public static bool ZeroUpper(CpuCore core, DecodedOp* op)
    {
        if (!AvxUnit.Enter(core))
        {
            return false;
        }

        XsaveImage.InitializeAvx(core.State, (op->Flags & OpFlags.LongMode) != 0);
        return true;
    }

    public static bool ZeroAll(CpuCore core, DecodedOp* op)
    {
        if (!ZeroUpper(core, op))
        {
            return false;
        }

        XsaveImage.InitializeXmm(core.State, (op->Flags & OpFlags.LongMode) != 0);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Shift<TOperation, TLength>(CpuCore core, DecodedOp* op, Vector256<byte> value, ulong count)
        where TOperation : struct, IVectorShift
        where TLength : struct, IVectorLength
    {
        var low = TOperation.Apply(value.GetLower(), count);
        AvxUnit.Write<TLength>(core, op, TLength.Is256 ? Vector256.Create(low, TOperation.Apply(value.GetUpper(), count)) : low.ToVector256Unsafe());
    }

    [InlineArray(2)]
    private struct Pair<T>
        where T : unmanaged
    {
        private T _first;
    }
}
