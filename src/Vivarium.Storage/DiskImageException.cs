namespace Vivarium.Storage;

/// <summary>An image cannot be used: it is damaged, needs what is not there, or asks for what is not allowed. The message says which and why.</summary>
public sealed class DiskImageException : IOException
{
    /// <summary>Creates the exception with a sentence for the user.</summary>
    public DiskImageException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with a sentence for the user and its cause.</summary>
    public DiskImageException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
