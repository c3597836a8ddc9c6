namespace Vivarium.Cli;

/// <summary>The user's mistake; the message is the one line to show.</summary>
internal sealed class UsageException(string message) : Exception(message);
