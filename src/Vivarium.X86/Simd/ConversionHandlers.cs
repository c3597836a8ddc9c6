using System.Numerics;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Handlers of conversions between floating-point formats and integers, in XMM and general registers.</summary>
internal static unsafe class ConversionHandlers
{
    /// <summary>CVTSI2SS, CVTSI2SD from 32 or 64 bits.</summary>
    public static bool ScalarFromInteger<T, TInteger>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TInteger : unmanaged, IBinaryInteger<TInteger>
    {
        if (!SseUnit.Enter(core) || !SseUnit.TrySource(core, op, out TInteger source))
        {
            return false;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var result = FloatConversion.FromInteger<T>(long.CreateTruncating(source), ref status);
        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        *SseUnit.Destination<T>(core, op) = result;
        return true;
    }

    /// <summary>CVTSS2SI, CVTSD2SI.</summary>
    public static bool ScalarToInteger<T, TInteger>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TInteger : unmanaged => SseUnit.Enter(core) && TryToInteger<T, TInteger>(core, op, Rounding(core));

    /// <summary>CVTTSS2SI, CVTTSD2SI.</summary>
    public static bool ScalarTruncate<T, TInteger>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TInteger : unmanaged => SseUnit.Enter(core) && TryToInteger<T, TInteger>(core, op, RoundingMode.Zero);

    public static bool ScalarWiden(CpuCore core, DecodedOp* op)
    {
        if (!SseUnit.Enter(core) || !SseUnit.TrySource(core, op, out float source))
        {
            return false;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var result = FloatConversion.Widen(source, ref status);
        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        *SseUnit.Destination<double>(core, op) = result;
        return true;
    }

    public static bool ScalarNarrow(CpuCore core, DecodedOp* op)
    {
        if (!SseUnit.Enter(core) || !SseUnit.TrySource(core, op, out double source))
        {
            return false;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var result = FloatConversion.Narrow(source, core.State->Mxcsr, ref status);
        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        *SseUnit.Destination<float>(core, op) = result;
        return true;
    }

    /// <summary>A packed conversion whose source has 16 bytes.</summary>
    public static bool Packed<TConversion>(CpuCore core, DecodedOp* op)
        where TConversion : struct, IPackedConversion =>
        SseUnit.Enter(core) && SseUnit.TryAlignedSource(core, op, out var source) && Apply<TConversion>(core, op, source);

    /// <summary>A packed conversion whose source has 8 bytes.</summary>
    public static bool PackedHalf<TConversion>(CpuCore core, DecodedOp* op)
        where TConversion : struct, IPackedConversion =>
        SseUnit.Enter(core)
        && SseUnit.TrySource(core, op, out ulong source)
        && Apply<TConversion>(core, op, Vector128.CreateScalar(source).AsByte());

    public static bool RoundScalar<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!SseUnit.Enter(core) || !SseUnit.TrySource(core, op, out T source))
        {
            return false;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var result = FloatConversion.RoundToIntegral(source, (int)op->Immediate, ref status);
        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        *SseUnit.Destination<T>(core, op) = result;
        return true;
    }

    public static bool RoundPacked<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (!SseUnit.Enter(core) || !SseUnit.TryAlignedSource(core, op, out var source))
        {
            return false;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var result = source.As<byte, T>();
        for (var i = 0; i < Vector128<T>.Count; i++)
        {
            result = result.WithElement(i, FloatConversion.RoundToIntegral(result.GetElement(i), (int)op->Immediate, ref status));
        }

        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        *SseUnit.Destination<Vector128<T>>(core, op) = result;
        return true;
    }

    public static bool ReciprocalScalar(CpuCore core, DecodedOp* op)
    {
        if (!SseUnit.Enter(core) || !SseUnit.TrySource(core, op, out float source))
        {
            return false;
        }

        *SseUnit.Destination<float>(core, op) = FloatConversion.Reciprocal(source);
        return true;
    }

    public static bool ReciprocalSquareRootScalar(CpuCore core, DecodedOp* op)
    {
        if (!SseUnit.Enter(core) || !SseUnit.TrySource(core, op, out float source))
        {
            return false;
        }

        *SseUnit.Destination<float>(core, op) = FloatConversion.ReciprocalSquareRoot(source);
        return true;
    }

    /// <summary>MXCSR.RC.</summary>
    public static RoundingMode Rounding(CpuCore core) => (RoundingMode)((core.State->Mxcsr >> FloatStatus.MxcsrRoundingShift) & 3);

    /// <summary>Converts to an integer in a general register, the checks having been made.</summary>
    public static bool TryToInteger<T, TInteger>(CpuCore core, DecodedOp* op, RoundingMode mode)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TInteger : unmanaged
    {
        if (!SseUnit.TrySource(core, op, out T source))
        {
            return false;
        }

        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var result = FloatConversion.ToInteger(source, sizeof(TInteger) * 8, mode, ref status);
        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        // A 32-bit result clears the upper half of the register.
        *SseUnit.Destination<ulong>(core, op) = sizeof(TInteger) == sizeof(ulong) ? (ulong)result : (uint)result;
        return true;
    }

    private static bool Apply<TConversion>(CpuCore core, DecodedOp* op, Vector128<byte> source)
        where TConversion : struct, IPackedConversion
    {
        var status = FloatStatus.FromMxcsr(core.State->Mxcsr);
        var destination = SseUnit.Destination<Vector128<byte>>(core, op);
        var result = TConversion.Convert(*destination, source, core.State->Mxcsr, ref status);
        if (!SseUnit.Accept(core, status))
        {
            return false;
        }

        *destination = result;
        return true;
    }
}
