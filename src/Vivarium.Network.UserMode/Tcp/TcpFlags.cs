namespace Vivarium.Network.UserMode;

/// <summary>The control bits of a TCP header (RFC 9293 §3.1).</summary>
[Flags]
internal enum TcpFlags : byte
{
    None = 0,
    Fin = 1,
    Syn = 2,
    Reset = 4,
    Push = 8,
    Ack = 16,
}
