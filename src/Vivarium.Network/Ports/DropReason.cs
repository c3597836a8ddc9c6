namespace Vivarium.Network;

/// <summary>Why a frame went no further.</summary>
public enum DropReason
{
    /// <summary>Too short, impossible addresses, or an offload that does not fit it.</summary>
    Malformed,

    /// <summary>The link was down or the port gone.</summary>
    LinkDown,

    /// <summary>Longer than the link carries.</summary>
    TooLong,

    /// <summary>Not of a VLAN of the port.</summary>
    Vlan,

    /// <summary>From an address that the port may not use.</summary>
    Address,

    /// <summary>To a port of the same isolation group or of another partition.</summary>
    Isolation,

    /// <summary>To where it came from.</summary>
    SamePort,

    /// <summary>Broadcast, multicast or unknown, and more of these than the port may send.</summary>
    Storm,

    /// <summary>No room in the queue of a rate limit or of a slow link.</summary>
    Queue,

    /// <summary>Lost by fault injection.</summary>
    Fault,
}
