namespace Vivarium.X86;

/// <summary>Registers that <see cref="X86Cpu"/> gives access to by name.</summary>
public enum X86Register
{
    /// <summary>RAX.</summary>
    Rax,

    /// <summary>RCX.</summary>
    Rcx,

    /// <summary>RDX.</summary>
    Rdx,

    /// <summary>RBX.</summary>
    Rbx,

    /// <summary>RSP.</summary>
    Rsp,

    /// <summary>RBP.</summary>
    Rbp,

    /// <summary>RSI.</summary>
    Rsi,

    /// <summary>RDI.</summary>
    Rdi,

    /// <summary>R8.</summary>
    R8,

    /// <summary>R9.</summary>
    R9,

    /// <summary>R10.</summary>
    R10,

    /// <summary>R11.</summary>
    R11,

    /// <summary>R12.</summary>
    R12,

    /// <summary>R13.</summary>
    R13,

    /// <summary>R14.</summary>
    R14,

    /// <summary>R15.</summary>
    R15,

    /// <summary>The instruction pointer.</summary>
    Rip,

    /// <summary>RFLAGS.</summary>
    Rflags,

    /// <summary>CR0.</summary>
    Cr0,

    /// <summary>CR2, the page-fault address.</summary>
    Cr2,

    /// <summary>CR3, the page-table base.</summary>
    Cr3,

    /// <summary>CR4.</summary>
    Cr4,

    /// <summary>The EFER MSR.</summary>
    Efer,

    /// <summary>Linear address of the GDT.</summary>
    GdtBase,

    /// <summary>Limit of the GDT: its bytes less one.</summary>
    GdtLimit,

    /// <summary>Linear address of the IDT.</summary>
    IdtBase,

    /// <summary>Limit of the IDT: its bytes less one.</summary>
    IdtLimit,
}
