namespace Vivarium.Debugging;

/// <summary>What comes of a packet.</summary>
/// <param name="Text">The reply, after the action; empty for "not supported", null for none.</param>
/// <param name="Action">What is to be done.</param>
internal readonly record struct CommandReply(string? Text, CommandAction Action = CommandAction.None)
{
    public static CommandReply Ok { get; } = new("OK");

    public static CommandReply NotSupported { get; } = new("");

    /// <summary>The packet makes no sense (EINVAL).</summary>
    public static CommandReply Invalid { get; } = new("E16");

    /// <summary>No memory there, or none that can be written (EFAULT).</summary>
    public static CommandReply NoMemory { get; } = new("E0e");

    /// <summary>No room for more (ENOSPC).</summary>
    public static CommandReply Full { get; } = new("E1c");
}

/// <summary>What a command asks of the machine.</summary>
internal enum CommandAction
{
    None,

    /// <summary>The processors are prepared: let the machine go on.</summary>
    Resume,

    /// <summary>Take everything back, let the machine go on, and end the session.</summary>
    Detach,

    /// <summary>End the machine and the session.</summary>
    Kill,

    /// <summary>Reset the machine; it stays halted.</summary>
    Reset,

    /// <summary>Acknowledge no packet any more.</summary>
    StopAcknowledging,
}
