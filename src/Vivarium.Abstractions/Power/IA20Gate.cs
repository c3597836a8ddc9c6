namespace Vivarium;

/// <summary>The gate on address line 20, driven by the keyboard controller and port 0x92. Call with the device lock held.</summary>
public interface IA20Gate
{
    /// <summary>True if address line 20 passes; false if it is forced to zero.</summary>
    bool IsOpen { get; set; }
}
