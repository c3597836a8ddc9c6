namespace Vivarium;

/// <summary>Where message-signalled interrupts go: the local APICs (Intel SDM Vol. 3A §11.11). Any thread.</summary>
public interface IMsiTarget
{
    /// <summary>Delivers the message <paramref name="data"/> written to <paramref name="address"/> (0xFEExxxxx).</summary>
    void SendMsi(ulong address, uint data);
}
