namespace Vivarium.Network.UserMode;

/// <summary>Why a connection ended.</summary>
internal enum TcpFailure
{
    /// <summary>Both sides had said all.</summary>
    None,

    /// <summary>The peer refused it.</summary>
    Refused,

    /// <summary>The peer broke it off.</summary>
    Reset,

    /// <summary>The peer no longer answers.</summary>
    TimedOut,

    /// <summary>This side broke it off.</summary>
    Aborted,

    /// <summary>Nobody has the peer's address.</summary>
    Unreachable,
}
