namespace Vivarium.X86;

/// <summary>A register operand of a re-encoded instruction: its host register, and whether the guest's value passes through it.</summary>
internal readonly record struct MappedRegister
{
    /// <summary>The guest's general register.</summary>
    public int Guest { get; init; }

    /// <summary>Where the guest register lives in this block, or <see cref="HostRegister.None"/>.</summary>
    public int Home { get; init; }

    /// <summary>The host's register by its encoding.</summary>
    public int Host { get; init; }

    /// <summary>Operand size in bytes; 0 if it is not a general register.</summary>
    public int Size { get; init; }

    /// <summary>The value is fetched into <see cref="Host"/> first.</summary>
    public bool Loads { get; init; }

    /// <summary>The value is put back from <see cref="Host"/> afterwards.</summary>
    public bool Stores { get; init; }

    /// <summary>The operand is the guest register's slot in the state.</summary>
    public bool Stays { get; init; }

    /// <summary>SPL to DIL exist only with a REX prefix.</summary>
    public bool NeedsRex => Size == 1 && !Stays && Host is >= 4 and < 8;

    /// <summary>An encoding that is the same on the host: vector registers, AH to BH, opcode extensions.</summary>
    public static MappedRegister Fixed(int encoding) => new() { Host = encoding };

    public void Load(X64Assembler assembler)
    {
        if (Loads)
        {
            if (Home == HostRegister.None)
            {
                assembler.Load(8, Host, HostOperand.Gpr(Guest));
            }
            else
            {
                assembler.Move(8, Host, Home);
            }
        }
    }

    public void Store(X64Assembler assembler)
    {
        if (Stores)
        {
            if (Home == HostRegister.None)
            {
                assembler.Store(8, HostOperand.Gpr(Guest), Host);
            }
            else
            {
                assembler.Move(8, Home, Host);
            }
        }
    }
}

/// <summary>The register operands of an instruction by their place in the encoding.</summary>
internal struct MappedOperands
{
    public MappedRegister Reg;
    public MappedRegister Rm;
    public MappedRegister Vvvv;

    /// <summary>AH, CH, DH or BH is among them, so no REX prefix may be.</summary>
    public bool HasHigh;
}
