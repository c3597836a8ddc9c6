namespace Vivarium.X86;

/// <summary>Why an instruction did not complete.</summary>
internal enum PendingKind : byte
{
    None,

    /// <summary>It raised the exception recorded in the core.</summary>
    Fault,

    /// <summary>A repeated string instruction paused: look at events, then go on with it.</summary>
    Restart,

    /// <summary>It writes to a page that holds translated code: run it alone, from bytes decoded afresh.</summary>
    CodeWrite,
}
