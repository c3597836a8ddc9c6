namespace Vivarium.X86;

/// <summary>With which rights data is accessed; each has a TLB of its own.</summary>
internal enum MmuMode
{
    /// <summary>CPL 0–2, or an implicit access to a system table: SMAP applies.</summary>
    Supervisor,

    /// <summary>CPL 3.</summary>
    User,

    /// <summary>CPL 0–2 with RFLAGS.AC set: SMAP is off.</summary>
    SupervisorNoSmap,

    /// <summary>CPL 3 with alignment checks on: never cached, so that every access is checked.</summary>
    UserAligned,
}
