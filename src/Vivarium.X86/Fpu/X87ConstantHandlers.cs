namespace Vivarium.X86;

/// <summary>FLD1, FLDZ and the irrational constants, which are rounded by RC (Intel SDM Vol. 1 §8.3.8) without an exception.</summary>
internal static unsafe class X87ConstantHandlers
{
    public static bool One(CpuCore core, DecodedOp* op) => Push(core, op, new(FloatParts.IntegerBit, 0x3FFF));

    public static bool Zero(CpuCore core, DecodedOp* op) => Push(core, op, default);

    public static bool Log2Ten(CpuCore core, DecodedOp* op) => PushRounded(core, op, 0x4000, 0xD49A784BCD1B8AFE, 0x4B);

    public static bool Log2E(CpuCore core, DecodedOp* op) => PushRounded(core, op, 0x3FFF, 0xB8AA3B295C17F0BB, 0xBE);

    public static bool Pi(CpuCore core, DecodedOp* op) => PushRounded(core, op, 0x4000, 0xC90FDAA22168C234, 0xC4);

    public static bool Log10Two(CpuCore core, DecodedOp* op) => PushRounded(core, op, 0x3FFD, 0x9A209A84FBCFF798, 0x8F);

    public static bool LnTwo(CpuCore core, DecodedOp* op) => PushRounded(core, op, 0x3FFE, 0xB17217F7D1CF79AB, 0xC9);

    /// <param name="core">The processor.</param>
    /// <param name="op">The operation.</param>
    /// <param name="exponent">Biased exponent.</param>
    /// <param name="significand">The first 64 bits.</param>
    /// <param name="next">The next 8 bits.</param>
    private static bool PushRounded(CpuCore core, DecodedOp* op, ushort exponent, ulong significand, ulong next)
    {
        var mode = FloatStatus.FromControlWord(core.State->Fcw).Rounding;
        return Push(core, op, new(FloatRounding.RoundSignificand(false, significand, next << 56, 64, mode, out _, out _), exponent));
    }

    private static bool Push(CpuCore core, DecodedOp* op, Float80 value)
    {
        if (!X87Unit.Enter(core))
        {
            return false;
        }

        X87Unit.Note(core, op);
        if (X87Unit.IsFull(core.State))
        {
            X87Unit.Overflow(core.State);
        }
        else
        {
            X87Unit.SetC1(core.State, false);
            X87Unit.Push(core.State, value);
        }

        return true;
    }
}
