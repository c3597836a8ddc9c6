using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Handlers of conversions in VEX encoding, roundings and reciprocals included.</summary>
internal static unsafe class AvxConversionHandlers
{
    /// <summary>VCVTSI2SS, VCVTSI2SD from 32 or 64 bits.</summary>
    public static bool ScalarFromInteger<T, TInteger>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TInteger : unmanaged, IBinaryInteger<TInteger>
    {
        if (!AvxUnit.Enter(core) || !SseUnit.TrySource(core, op, out TInteger source))
        {
            return false;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        return AvxFloatHandlers.CompleteScalar(core, op, FloatConversion.FromInteger<T>(long.CreateTruncating(source), ref status), status);
    }

    /// <summary>VCVTSS2SI, VCVTSD2SI.</summary>
    public static bool ScalarToInteger<T, TInteger>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TInteger : unmanaged => AvxUnit.Enter(core) && ConversionHandlers.TryToInteger<T, TInteger>(core, op, ConversionHandlers.Rounding(core));

    /// <summary>VCVTTSS2SI, VCVTTSD2SI.</summary>
    public static bool ScalarTruncate<T, TInteger>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TInteger : unmanaged => AvxUnit.Enter(core) && ConversionHandlers.TryToInteger<T, TInteger>(core, op, RoundingMode.Zero);

    public static bool ScalarWiden(CpuCore core, DecodedOp* op)
    {
        if (!AvxUnit.Enter(core) || !SseUnit.TrySource(core, op, out float source))
        {
            return false;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        return AvxFloatHandlers.CompleteScalar(core, op, FloatConversion.Widen(source, ref status), status);
    }

    public static bool ScalarNarrow(CpuCore core, DecodedOp* op)
    {
        if (!AvxUnit.Enter(core) || !SseUnit.TrySource(core, op, out double source))
        {
            return false;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        return AvxFloatHandlers.CompleteScalar(core, op, FloatConversion.Narrow(source, core.State->Mxcsr, ref status), status);
    }

    /// <summary>A packed conversion whose source is as wide as its result, or of 128 bits and wider.</summary>
    public static bool Packed<TConversion, TLength>(CpuCore core, DecodedOp* op)
        where TConversion : struct, IPackedConversion
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<TLength>(core, op, out var source))
        {
            return false;
        }

        var mxcsr = core.State->Mxcsr;
        var status = FloatStatus.FromMxcsr(mxcsr);
        var low = TConversion.Convert(default, source.GetLower(), mxcsr, ref status);
        var high = TLength.Is256 ? TConversion.Convert(default, source.GetUpper(), mxcsr, ref status) : default;
        return AvxFloatHandlers.Complete<TLength>(core, op, Vector256.Create(low, high), status);
    }

    /// <summary>A packed conversion whose result is twice as wide as its source of 8 or 16 bytes.</summary>
    public static bool Widen<TConversion, TLength>(CpuCore core, DecodedOp* op)
        where TConversion : struct, IPackedConversion
        where TLength : struct, IVectorLength
    {
        var source = Vector128<ulong>.Zero;
        if (!AvxUnit.Enter(core)
            || !(TLength.Is256 ? SseUnit.TrySource(core, op, out source) : TryNarrowSource<TConversion>(core, op, (ulong*)&source)))
        {
            return false;
        }

        var mxcsr = core.State->Mxcsr;
        var status = FloatStatus.FromMxcsr(mxcsr);
        var low = TConversion.Convert(default, source.AsByte(), mxcsr, ref status);
        var high = TLength.Is256 ? TConversion.Convert(default, Vector128.CreateScalar(source[1]).AsByte(), mxcsr, ref status) : default;
        return AvxFloatHandlers.Complete<TLength>(core, op, Vector256.Create(low, high), status);
    }

    /// <summary>The source of 8 bytes. VCVTPH2PS never reports #AC (Intel SDM Vol. 2A, exceptions type 11).</summary>
    private static bool TryNarrowSource<TConversion>(CpuCore core, DecodedOp* op, ulong* source)
        where TConversion : struct, IPackedConversion =>
        typeof(TConversion) == typeof(HalfConversion.ToSingles) && op->HasMemory && core.Mode == MmuMode.UserAligned
            ? core.TryLoadBytes(op, 0, new Span<byte>(source, sizeof(ulong)))
            : SseUnit.TrySource(core, op, out *source);

    /// <summary>A packed conversion from 32 bytes to 16.</summary>
    public static bool Narrow<TConversion>(CpuCore core, DecodedOp* op)
        where TConversion : struct, IPackedConversion
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<Length256>(core, op, out var source))
        {
            return false;
        }

        var mxcsr = core.State->Mxcsr;
        var status = FloatStatus.FromMxcsr(mxcsr);
        var low = TConversion.Convert(default, source.GetLower(), mxcsr, ref status);
        var high = TConversion.Convert(default, source.GetUpper(), mxcsr, ref status);
        return AvxFloatHandlers.Complete<Length128>(core, op, Vector256.Create(Vector128.Create(low.GetLower(), high.GetLower()), default), status);
    }

    public static bool RoundScalar<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!AvxUnit.Enter(core) || !SseUnit.TrySource(core, op, out T source))
        {
            return false;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        return AvxFloatHandlers.CompleteScalar(core, op, FloatConversion.RoundToIntegral(source, (byte)op->Immediate, ref status), status);
    }

    public static bool RoundPacked<T, TLength>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core) || !AvxUnit.TrySource<TLength>(core, op, out var source))
        {
            return false;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var result = source.As<byte, T>();
        for (var i = 0; i < (TLength.Is256 ? Vector256<T>.Count : Vector128<T>.Count); i++)
        {
            result = result.WithElement(i, FloatConversion.RoundToIntegral(result.GetElement(i), (byte)op->Immediate, ref status));
        }

        return AvxFloatHandlers.Complete<TLength>(core, op, result.AsByte(), status);
    }

    public static bool ReciprocalScalar(CpuCore core, DecodedOp* op)
    {
        if (!AvxUnit.Enter(core) || !SseUnit.TrySource(core, op, out float source))
        {
            return false;
        }

        AvxUnit.WriteScalar(core, op, FloatConversion.Reciprocal(source));
        return true;
    }

    public static bool ReciprocalSquareRootScalar(CpuCore core, DecodedOp* op)
    {
        if (!AvxUnit.Enter(core) || !SseUnit.TrySource(core, op, out float source))
        {
            return false;
        }

        AvxUnit.WriteScalar(core, op, FloatConversion.ReciprocalSquareRoot(source));
        return true;
    }

    /// <summary>VCVTPS2PH: immediate bits 1:0 rounding, bit 2 MXCSR's rounding instead. FTZ does not apply.</summary>
    public static bool ToHalves<TLength>(CpuCore core, DecodedOp* op)
        where TLength : struct, IVectorLength
    {
        if (!AvxUnit.Enter(core))
        {
            return false;
        }

        var status = HalfConversion.Status(core.State->Mxcsr, (byte)op->Immediate);
        var source = SseUnit.Register<Vector128<float>>(core, op->Reg2);
        var low = HalfConversion.Narrow(source[0], ref status);
        var high = TLength.Is256 ? HalfConversion.Narrow(source[1], ref status) : 0;
        if (!op->HasMemory)
        {
            // The result is in the register of r/m, and clears what is above it.
            return AvxFloatHandlers.Complete<Length128>(core, op, Vector256.Create(low, high, 0, 0).AsByte(), status);
        }

        // A fault of the numbers comes before one of the address, whose order the manual leaves to the processor (Intel SDM Vol. 3A table 7-2).
        if ((status.Flags & status.Unmasked) != 0)
        {
            return SseUnit.Accept(core, status);
        }

        // It never reports #AC.
        if (!core.TryStoreBytes(op, 0, MemoryMarshal.AsBytes<ulong>(TLength.Is256 ? [low, high] : [low])))
        {
            return false;
        }

        return SseUnit.Accept(core, status);
    }
}
