namespace Vivarium;

/// <summary>Numbered input pins of an interrupt controller (a PIC pair, an IOAPIC). Call with the device lock held.</summary>
public interface IInterruptInput
{
    /// <summary>How many input pins there are.</summary>
    int PinCount { get; }

    /// <summary>Sets the level on pin <paramref name="pin"/>, 0 to <see cref="PinCount"/> − 1.</summary>
    void SetPin(int pin, bool level);
}
