namespace Vivarium;

/// <summary>A kernel, ROM or other guest image cannot be used. The message says which and why, for the user.</summary>
public sealed class GuestImageException : Exception
{
    /// <summary>Creates the exception with a sentence for the user.</summary>
    public GuestImageException(string message)
        : base(message)
    {
    }
}
