namespace Vivarium;

/// <summary>Hears of the local APICs' EOI messages for level-triggered vectors (an IOAPIC). Called with the device lock held.</summary>
public interface IEoiListener
{
    /// <summary>A processor finished <paramref name="vector"/>.</summary>
    void EndOfInterrupt(byte vector);
}
