namespace Vivarium.X86;

/// <summary>Registers of the host by their encoding, and what the emitted code keeps in them.</summary>
internal static class HostRegister
{
    public const int Rax = 0;
    public const int Rcx = 1;
    public const int Rdx = 2;
    public const int Rbx = 3;
    public const int Rsp = 4;
    public const int Rbp = 5;
    public const int Rsi = 6;
    public const int Rdi = 7;
    public const int R8 = 8;
    public const int R9 = 9;
    public const int R10 = 10;
    public const int R11 = 11;
    public const int R12 = 12;
    public const int R13 = 13;
    public const int R14 = 14;
    public const int R15 = 15;

    /// <summary>Points at the vCPU's <see cref="CpuState"/>.</summary>
    public const int State = R15;

    /// <summary>A temporary: addresses, and after a TLB lookup the host address. It needs no REX prefix.</summary>
    public const int Address = Rsi;

    /// <summary>A temporary: TLB slots, then operands that have no register of their own. It needs no REX prefix.</summary>
    public const int Data = Rdi;

    /// <summary>The guest register is kept in the state, not in a host register.</summary>
    public const int None = -1;

    /// <summary>
    /// Where each guest register lives. RAX, RCX, RDX and RBX keep their encodings, so that AH to BH, CL and RDX:RAX forms stay as they are;
    /// those that compilers use least stay in the state.
    /// </summary>
    private static ReadOnlySpan<sbyte> Pinned => [Rax, Rcx, Rdx, Rbx, R9, Rbp, R10, R11, R8, None, None, None, R12, R13, R14, None];

    /// <summary>The host register of guest register 0 to 15, or <see cref="None"/>.</summary>
    public static int Of(int guest) => Pinned[guest];
}
