using System.Net;

namespace Vivarium.Debugging;

/// <summary>How a <see cref="GdbServer"/> listens and what it tells its clients.</summary>
public sealed record GdbServerOptions
{
    /// <summary>The port that <c>target remote :1234</c> means by habit.</summary>
    public const int DefaultPort = 1234;

    /// <summary>
    /// Where to listen. Default the loopback address: whoever connects reads and writes all of the guest, and there is no password.
    /// </summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>TCP port, 0 to 65,535; 0 takes a free one. Default 1234.</summary>
    public int Port { get; init; } = DefaultPort;

    /// <summary>
    /// Whether a machine that is started stands at its first instruction until a client lets it go on. Default true; otherwise it runs, and a
    /// client halts it by connecting.
    /// </summary>
    public bool StartsHalted { get; init; } = true;

    /// <summary>As what the guest is described. Default <see cref="GdbRegisterSet.X64"/>.</summary>
    public GdbRegisterSet Registers { get; init; } = GdbRegisterSet.X64;
}
