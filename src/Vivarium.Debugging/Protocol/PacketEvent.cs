namespace Vivarium.Debugging;

/// <summary>What a byte of the client completed.</summary>
internal enum PacketEvent
{
    /// <summary>Nothing yet.</summary>
    None,

    /// <summary>A packet with a right checksum.</summary>
    Packet,

    /// <summary>A packet whose checksum is wrong: ask for it again.</summary>
    Damaged,

    /// <summary>A packet that is right and longer than any may be.</summary>
    TooLong,

    /// <summary>Ctrl-C: stop the guest.</summary>
    Interrupt,

    /// <summary>The client has the last reply.</summary>
    Acknowledged,

    /// <summary>The client wants the last reply again.</summary>
    Refused,
}
