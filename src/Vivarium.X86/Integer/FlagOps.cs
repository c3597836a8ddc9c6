namespace Vivarium.X86;

/// <summary>Instructions on flags: CLC, STC, CMC, CLD, STD, LAHF, SAHF, SETcc, CMOVcc, SALC.</summary>
internal static unsafe class FlagOps
{
    private const int Ah = 1;

    public static bool ClearCarry(CpuCore c, DecodedOp* op)
    {
        LazyFlags.SetCarry(c.State, false);
        return true;
    }

    public static bool SetCarry(CpuCore c, DecodedOp* op)
    {
        LazyFlags.SetCarry(c.State, true);
        return true;
    }

    public static bool ComplementCarry(CpuCore c, DecodedOp* op)
    {
        LazyFlags.SetCarry(c.State, !LazyFlags.Carry(c.State));
        return true;
    }

    public static bool ClearDirection(CpuCore c, DecodedOp* op)
    {
        c.State->FlagSystem &= ~Rflags.Df;
        return true;
    }

    public static bool SetDirection(CpuCore c, DecodedOp* op)
    {
        c.State->FlagSystem |= Rflags.Df;
        return true;
    }

    public static bool LoadAh(CpuCore c, DecodedOp* op)
    {
        Width<byte>.Set(c.State, Ah, (LazyFlags.Get(c.State) & ~Rflags.Of) | Rflags.One);
        return true;
    }

    public static bool StoreAh(CpuCore c, DecodedOp* op)
    {
        const ulong Stored = Rflags.Arithmetic & ~Rflags.Of;
        LazyFlags.Set(c.State, (LazyFlags.Get(c.State) & Rflags.Of) | (Width<byte>.Get(c.State, Ah) & Stored));
        return true;
    }

    /// <summary>SETcc; the condition is <see cref="DecodedOp.Immediate"/>.</summary>
    public static bool SetByte(CpuCore c, DecodedOp* op) =>
        Operand<byte>.TrySet(c, op, LazyFlags.Condition(c.State, (int)op->Immediate) ? 1UL : 0);

    /// <summary>SALC (undocumented): AL becomes 0xFF if CF is set, else 0.</summary>
    public static bool SetAlFromCarry(CpuCore c, DecodedOp* op)
    {
        Width<byte>.Set(c.State, 0, LazyFlags.Carry(c.State) ? 0xFFUL : 0);
        return true;
    }
}

/// <summary>CMOVcc; the source is read even if the condition fails, and a 32-bit destination is zero-extended either way.</summary>
internal static unsafe class ConditionalMove<T>
    where T : unmanaged
{
    public static bool Execute(CpuCore c, DecodedOp* op)
    {
        if (!Operand<T>.TryGetSource(c, op, out var value))
        {
            return false;
        }

        Width<T>.Set(c.State, op->Reg1, LazyFlags.Condition(c.State, (int)op->Immediate) ? value : Width<T>.Get(c.State, op->Reg1));
        return true;
    }
}
