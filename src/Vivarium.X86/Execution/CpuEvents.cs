namespace Vivarium.X86;

/// <summary>What a running processor must look at before the next block. Set by any thread, in one word tested once a block.</summary>
[Flags]
internal enum CpuEvents
{
    None = 0,

    /// <summary>The interrupt controller changed.</summary>
    Interrupt = 1,

    /// <summary>An NMI is pending.</summary>
    Nmi = 2,

    /// <summary>INIT was asserted.</summary>
    Init = 4,

    /// <summary>A startup IPI came.</summary>
    Startup = 8,

    /// <summary>Return from Run.</summary>
    Stop = 16,

    /// <summary>Page tags are being revoked.</summary>
    Poll = 32,

    /// <summary>Translated code was invalidated.</summary>
    CodeInvalidated = 64,

    /// <summary>A PV kick.</summary>
    Kick = 128,

    /// <summary>Nothing but a debugger: its watch saw an access, or it set a stop address.</summary>
    Look = 256,

    /// <summary>Another NMI came before the processor looked at the first.</summary>
    SecondNmi = 512,
}
