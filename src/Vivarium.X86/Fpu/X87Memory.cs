using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>Conversion between stack registers and memory operands: <c>float</c>, <c>double</c>, <c>short</c>, <c>int</c>, <c>long</c>.</summary>
internal static unsafe class X87Memory
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FloatParts Unpack<T>(T value)
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
        {
            return Binary32.Unpack(Unsafe.BitCast<T, uint>(value));
        }

        if (typeof(T) == typeof(double))
        {
            return Binary64.Unpack(Unsafe.BitCast<T, ulong>(value));
        }

        return FloatParts.FromInt64(
            typeof(T) == typeof(short) ? Unsafe.BitCast<T, short>(value) : typeof(T) == typeof(int) ? Unsafe.BitCast<T, int>(value) : Unsafe.BitCast<T, long>(value));
    }

    /// <summary>FLD, FILD of a converted operand.</summary>
    public static void Push(CpuState* state, FloatParts value)
    {
        if (X87Unit.IsFull(state))
        {
            X87Unit.Overflow(state);
            return;
        }

        var status = FloatStatus.FromControlWord(state->Fcw);
        if (value.IsSpecial)
        {
            value = FloatNaN.Propagate(value, ref status);
        }

        // An unmasked denormal exception does not prevent a load.
        status.NoteDenormal(value);
        if ((X87Unit.Accept(state, status) & FloatFlags.Invalid) == 0)
        {
            X87Unit.Push(state, Float80.Pack(value));
        }
    }

    /// <summary>
    /// Rounds ST(0) to a <c>float</c> or <c>double</c> for FST. Nothing is changed yet: the store may fault; <paramref name="status"/> holds
    /// the exceptions.
    /// </summary>
    public static T Round<T>(CpuState* state, out FloatStatus status)
        where T : unmanaged
    {
        status = Prepare(state);
        if (X87Unit.IsEmpty(state, 0))
        {
            return Pack<T>(NoteUnderflow(ref status));
        }

        var value = X87Unit.Register(state, 0)->Unpack();
        value.Denormal = false;
        var result = FloatConvert.Convert(value, typeof(T) == typeof(double) ? FloatFormat.Binary64 : FloatFormat.Binary32, ref status);
        if (!MayStore(status))
        {
            // Without a result there is no rounding to report.
            status.Flags &= ~FloatFlags.Precision;
            status.RoundedUp = false;
        }

        return Pack<T>(result);
    }

    /// <summary>Rounds ST(0) to an integer for FIST and FISTTP, likewise.</summary>
    public static T RoundToInteger<T>(CpuState* state, bool truncate, out FloatStatus status)
        where T : unmanaged
    {
        status = Prepare(state);
        var value = X87Unit.IsEmpty(state, 0) ? NoteUnderflow(ref status) : X87Unit.Register(state, 0)->Unpack();
        var result = FloatInteger.ToInteger(value, sizeof(T) * 8, truncate ? RoundingMode.Zero : status.Rounding, ref status);
        return Unsafe.As<long, T>(ref result);
    }

    /// <summary>Whether the result may be stored: PE alone does not prevent it.</summary>
    public static bool MayStore(in FloatStatus status) =>
        (status.Flags & status.Unmasked & (FloatFlags.All & ~FloatFlags.Precision)) == 0;

    public static FloatStatus Prepare(CpuState* state)
    {
        var status = FloatStatus.FromControlWord(state->Fcw);

        // Results in memory are never delivered with a biased exponent.
        status.X87 = false;
        return status;
    }

    /// <summary>IE and SF of an empty ST(0), and the default NaN to store.</summary>
    public static FloatParts NoteUnderflow(ref FloatStatus status)
    {
        status.Flags |= FloatFlags.Invalid | X87Unit.StackFault;
        return FloatParts.DefaultNaN;
    }

    private static T Pack<T>(in FloatParts value)
        where T : unmanaged => typeof(T) == typeof(double)
            ? Unsafe.BitCast<ulong, T>(Binary64.Pack(value))
            : Unsafe.BitCast<uint, T>(Binary32.Pack(value));
}
