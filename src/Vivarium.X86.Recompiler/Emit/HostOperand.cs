namespace Vivarium.X86;

/// <summary>A memory operand of emitted code: base, optional index, displacement.</summary>
internal readonly struct HostOperand
{
    public HostOperand(int baseRegister, int displacement)
    {
        Base = baseRegister;
        Index = HostRegister.None;
        Displacement = displacement;
    }

    public HostOperand(int baseRegister, int index, int scale, int displacement)
    {
        Base = baseRegister;
        Index = index;
        Scale = scale;
        Displacement = displacement;
    }

    /// <summary>Base register, or <see cref="HostRegister.None"/>.</summary>
    public int Base { get; }

    /// <summary>Index register, or <see cref="HostRegister.None"/>.</summary>
    public int Index { get; }

    /// <summary>Shift of the index, 0 to 3.</summary>
    public int Scale { get; }

    public int Displacement { get; }

    /// <summary>A field of the vCPU's memory by its offset from the state.</summary>
    public static HostOperand State(int offset) => new(HostRegister.State, offset);

    /// <summary>The slot of a guest register.</summary>
    public static HostOperand Gpr(int guest) => new(HostRegister.State, guest * sizeof(ulong));
}
