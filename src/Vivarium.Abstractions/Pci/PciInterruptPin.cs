namespace Vivarium;

/// <summary>The pin of a PCI function's level-triggered interrupt, as in the interrupt pin register.</summary>
public enum PciInterruptPin
{
    /// <summary>The function has none.</summary>
    None,

    /// <summary>INTA#, what a device of one function uses.</summary>
    A,

    /// <summary>INTB#.</summary>
    B,

    /// <summary>INTC#.</summary>
    C,

    /// <summary>INTD#.</summary>
    D,
}
