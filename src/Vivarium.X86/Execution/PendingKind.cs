namespace Vivarium.X86;

/// <summary>Why an instruction did not complete.</summary>
internal enum PendingKind : byte
{
    None,

    /// <summary>It raised the exception recorded in the core.</summary>
    Fault,

    /// <summary>A repeated string instruction paused: look at events, then go on with it.</summary>
    Restart,

    /// <summary>
    /// Run it alone, from bytes decoded afresh: it writes to a page that holds translated code, or reaches outside the processor while budgets
    /// are exact.
    /// </summary>
    RunAlone,

    /// <summary>It stands at a stop address and was not begun.</summary>
    StopAddress,
}
