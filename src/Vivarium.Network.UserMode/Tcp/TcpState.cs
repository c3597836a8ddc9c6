namespace Vivarium.Network.UserMode;

/// <summary>The states of RFC 9293 §3.3.2; listening is the gateway's.</summary>
internal enum TcpState
{
    Closed,
    SynSent,

    /// <summary>A SYN came, and it is not yet decided whether it is answered.</summary>
    Held,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    Closing,
    TimeWait,
    CloseWait,
    LastAck,
}
