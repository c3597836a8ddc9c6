namespace Vivarium;

/// <summary>What platform devices ask of the machine. Calls return at once; the machine acts when the vCPUs reach a boundary. Any thread.</summary>
public interface IPowerControl
{
    /// <summary>The guest asked for soft-off (ACPI S5).</summary>
    void RequestPowerOff();

    /// <summary>The guest asked for a reset (port 0x92, 0xCF9, the keyboard controller's line).</summary>
    void RequestReset();

    /// <summary>The guest wrote <paramref name="value"/> to the debug-exit port: the machine ends with <c>(value &lt;&lt; 1) | 1</c>.</summary>
    void RequestDebugExit(uint value);
}
