namespace Vivarium;

/// <summary>A request to an <see cref="IBlockBackend"/> failed. A device turns it into a status for its guest; the machine goes on.</summary>
public sealed class BlockIOException : IOException
{
    /// <summary>Creates the exception with a sentence for the host's log.</summary>
    public BlockIOException(BlockErrorKind kind, string message)
        : base(message) => Kind = kind;

    /// <summary>Creates the exception with a sentence for the host's log and its cause.</summary>
    public BlockIOException(BlockErrorKind kind, string message, Exception innerException)
        : base(message, innerException) => Kind = kind;

    /// <summary>Why the request failed.</summary>
    public BlockErrorKind Kind { get; }
}
