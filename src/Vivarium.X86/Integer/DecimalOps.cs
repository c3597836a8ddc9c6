namespace Vivarium.X86;

/// <summary>AAA, AAS, AAD, AAM, DAA, DAS and XLAT (Intel SDM Vol. 2).</summary>
internal static unsafe class DecimalOps
{
    private const int Al = 0;
    private const int Ah = 1;

    public static bool Aaa(CpuCore c, DecodedOp* op) => AsciiAdjust(c.State, 0x106);

    public static bool Aas(CpuCore c, DecodedOp* op) => AsciiAdjust(c.State, -0x106);

    public static bool Aad(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        var al = (Width<byte>.Get(s, Al) + (Width<byte>.Get(s, Ah) * (ulong)op->Immediate)) & 0xFF;
        Width<ushort>.Set(s, Al, al);
        LazyFlags.SetLogic<byte>(s, al);
        return true;
    }

    public static bool Aam(CpuCore c, DecodedOp* op)
    {
        var s = c.State;
        var divisor = (ulong)op->Immediate & 0xFF;
        if (divisor == 0)
        {
            return c.Raise(ExceptionVector.DivideError);
        }

        var al = Width<byte>.Get(s, Al);
        Width<byte>.Set(s, Ah, al / divisor);
        Width<byte>.Set(s, Al, al % divisor);
        LazyFlags.SetLogic<byte>(s, al % divisor);
        return true;
    }

    public static bool Daa(CpuCore c, DecodedOp* op) => DecimalAdjust(c.State, subtract: false);

    public static bool Das(CpuCore c, DecodedOp* op) => DecimalAdjust(c.State, subtract: true);

    /// <summary>XLAT: the operand's index is AL, put where the operand expects it.</summary>
    public static bool Xlat(CpuCore c, DecodedOp* op)
    {
        c.State->Scratch = Width<byte>.Get(c.State, Al);
        if (!c.TryLoadOperand<byte>(op, out var value))
        {
            return false;
        }

        Width<byte>.Set(c.State, Al, value);
        return true;
    }

    private static bool AsciiAdjust(CpuState* s, int correction)
    {
        var ax = (int)Width<ushort>.Get(s, Al);
        var adjust = (ax & 0xF) > 9 || LazyFlags.Adjust(s);
        ax = (adjust ? ax + correction : ax) & 0xFF0F;
        Width<ushort>.Set(s, Al, (ulong)ax);
        LazyFlags.SetLogic<byte>(s, (ulong)ax & 0xFF);
        LazyFlags.Set(s, LazyFlags.Get(s) | (adjust ? Rflags.Cf | Rflags.Af : 0));
        return true;
    }

    private static bool DecimalAdjust(CpuState* s, bool subtract)
    {
        var old = (int)Width<byte>.Get(s, Al);
        var al = old;
        var carry = LazyFlags.Carry(s);
        var newCarry = false;
        var adjust = (old & 0xF) > 9 || LazyFlags.Adjust(s);
        if (adjust)
        {
            al += subtract ? -6 : 6;
            newCarry = carry || (al & ~0xFF) != 0;
        }

        if (old > 0x99 || carry)
        {
            al += subtract ? -0x60 : 0x60;
            newCarry = true;
        }

        Width<byte>.Set(s, Al, (ulong)al);
        LazyFlags.SetLogic<byte>(s, (ulong)al & 0xFF);
        LazyFlags.Set(s, LazyFlags.Get(s) | (adjust ? Rflags.Af : 0) | (newCarry ? Rflags.Cf : 0));
        return true;
    }
}
