namespace Vivarium;

/// <summary>A machine failed by a defect of this library or of a device added to it, never by what the guest did.</summary>
public sealed class VirtualMachineException : Exception
{
    /// <summary>Creates the exception with a sentence for the user and its cause.</summary>
    public VirtualMachineException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
