namespace Vivarium.X86;

/// <summary>Where an interrupt or exception comes from.</summary>
internal enum EventKind
{
    /// <summary>A fault or trap of the processor: EXT is set in error codes, gate privilege is not checked.</summary>
    Exception,

    /// <summary>An interrupt from outside, NMI included.</summary>
    External,

    /// <summary>INT n: gate privilege is checked.</summary>
    Software,

    /// <summary>INT3 and INTO: as software, but not redirected in virtual-8086 mode.</summary>
    SoftwareException,
}
