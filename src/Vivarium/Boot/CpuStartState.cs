namespace Vivarium;

/// <summary>The registers with which a boot loader wants the bootstrap processor to start; what is not named here is as after reset.</summary>
public sealed record CpuStartState
{
    /// <summary>The first instruction's address.</summary>
    public required ulong Rip { get; init; }

    /// <summary>RAX. Default 0.</summary>
    public ulong Rax { get; init; }

    /// <summary>RBX. Default 0.</summary>
    public ulong Rbx { get; init; }

    /// <summary>RSI. Default 0.</summary>
    public ulong Rsi { get; init; }

    /// <summary>RSP. Default 0.</summary>
    public ulong Rsp { get; init; }

    /// <summary>RFLAGS. Default: only the bit that is always set, so interrupts are off.</summary>
    public ulong Rflags { get; init; } = 2;

    /// <summary>CR0.</summary>
    public required ulong Cr0 { get; init; }

    /// <summary>CR3. Default 0.</summary>
    public ulong Cr3 { get; init; }

    /// <summary>CR4. Default 0.</summary>
    public ulong Cr4 { get; init; }

    /// <summary>The EFER MSR. Default 0.</summary>
    public ulong Efer { get; init; }

    /// <summary>CS.</summary>
    public required SegmentStart Code { get; init; }

    /// <summary>DS, ES, FS, GS and SS.</summary>
    public required SegmentStart Data { get; init; }

    /// <summary>TR; null leaves it as after reset.</summary>
    public SegmentStart? Task { get; init; }

    /// <summary>Linear address of the GDT. Default 0.</summary>
    public ulong GdtBase { get; init; }

    /// <summary>Limit of the GDT in bytes, less one. Default 0.</summary>
    public uint GdtLimit { get; init; }
}

/// <summary>A segment register with its hidden part.</summary>
/// <param name="Selector">The visible selector.</param>
/// <param name="Base">The linear address of offset 0.</param>
/// <param name="Limit">The last valid offset in bytes, granularity applied.</param>
/// <param name="AccessRights">As in VMX (Intel SDM Vol. 3C §25.4.1): type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15.</param>
public readonly record struct SegmentStart(ushort Selector, ulong Base, uint Limit, uint AccessRights);
