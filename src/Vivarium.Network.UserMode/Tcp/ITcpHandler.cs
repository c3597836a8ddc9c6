namespace Vivarium.Network.UserMode;

/// <summary>Who uses a connection. Called under the lock of its owner; must only take note.</summary>
internal interface ITcpHandler
{
    /// <summary>Something changed: bytes or an end to read, room to write, established, or gone.</summary>
    void Changed(TcpConnection connection);
}
