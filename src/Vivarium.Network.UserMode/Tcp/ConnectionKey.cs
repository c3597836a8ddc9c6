namespace Vivarium.Network.UserMode;

/// <summary>What tells connections apart.</summary>
internal readonly record struct ConnectionKey(IpAddress Local, ushort LocalPort, IpAddress Remote, ushort RemotePort);
