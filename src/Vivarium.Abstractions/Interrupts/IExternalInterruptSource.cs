namespace Vivarium;

/// <summary>The 8259 pair as the local APIC's LINT0 pin sees it in ExtINT mode. Call with the device lock held.</summary>
public interface IExternalInterruptSource
{
    /// <summary>Answers the processor's acknowledge cycles with a vector, 0 to 255: the spurious one if nothing is pending any more.</summary>
    int Acknowledge();
}
