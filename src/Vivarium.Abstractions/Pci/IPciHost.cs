namespace Vivarium;

/// <summary>
/// What one PCI function sees of the bus: its interrupts, and whether it may use guest memory. Each function has its own. Call with the
/// device lock held. A function may use MSI-X, MSI and INTx in one go:
/// <c>if (!host.SignalMessage(vector)) host.SetInterruptPin(true);</c>
/// </summary>
public interface IPciHost
{
    /// <summary>Whether the guest has enabled MSI-X. The pin is out of use then.</summary>
    bool IsMsiXEnabled { get; }

    /// <summary>Whether the guest has enabled MSI, and not MSI-X. The pin is out of use then.</summary>
    bool IsMsiEnabled { get; }

    /// <summary>Whether the guest lets the function read and write its memory (command register, bit 2). Messages need it too.</summary>
    bool IsBusMaster { get; }

    /// <summary>
    /// Signals one event by message: MSI-X vector <paramref name="vector"/>, or that of MSI if MSI is enabled (modulo the number of messages
    /// that the guest allotted). A masked vector becomes pending and is sent once when it is unmasked.
    /// </summary>
    /// <param name="vector">0 to the number of vectors − 1; one beyond, which a guest may have chosen, is dropped.</param>
    /// <returns>
    /// True if message-signalled interrupts are enabled, even if the vector is masked or dropped; false if the function must use its pin.
    /// </returns>
    bool SignalMessage(int vector);

    /// <summary>
    /// Drives the interrupt pin, level-triggered. Does nothing if the function has none. The level is kept while the guest has disabled the pin or
    /// uses messages, and takes effect again afterwards; the bus saves it.
    /// </summary>
    void SetInterruptPin(bool level);
}
