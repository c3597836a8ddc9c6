namespace Vivarium;

/// <summary>A saved state cannot be used. The message says which part and why.</summary>
public sealed class StateFormatException : Exception
{
    /// <summary>Creates the exception with a sentence for the user.</summary>
    public StateFormatException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with a sentence for the user and its cause.</summary>
    public StateFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
