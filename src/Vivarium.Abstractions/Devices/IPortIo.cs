namespace Vivarium;

/// <summary>The port space as a vCPU sees it. Implemented by the bus; takes the device lock itself. Never throws for any guest input.</summary>
public interface IPortIo
{
    /// <summary>Executes IN of 1, 2 or 4 bytes. Unclaimed ports answer all ones.</summary>
    uint ReadPort(ushort port, int sizeBytes);

    /// <summary>Executes OUT of 1, 2 or 4 bytes. Unclaimed ports swallow the value.</summary>
    void WritePort(ushort port, int sizeBytes, uint value);
}
