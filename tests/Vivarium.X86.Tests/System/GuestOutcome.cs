namespace Vivarium.X86.Tests;

/// <summary>How a guest program ended: why Run returned and, if an exception or interrupt handler was entered, its frame.</summary>
/// <param name="Exit">Why Run returned.</param>
/// <param name="Vector">The vector whose handler was entered; null if the program itself halted.</param>
/// <param name="ErrorCode">The error code pushed, if the vector has one.</param>
/// <param name="Rip">Saved instruction pointer, or that of the halt.</param>
/// <param name="Cs">Saved code segment.</param>
/// <param name="Flags">Saved flags.</param>
internal sealed record GuestOutcome(VcpuExitReason Exit, int? Vector, uint? ErrorCode, ulong Rip, ushort Cs, ulong Flags)
{
    /// <summary>Asserts that the program ran to its own HLT.</summary>
    public void AssertCompleted()
    {
        Assert.Equal(VcpuExitReason.Halted, Exit);
        Assert.True(Vector is null, $"Vector {Vector}, error {ErrorCode:X}, RIP {Rip:X}");
    }

    /// <summary>Asserts that an exception was taken.</summary>
    public void AssertFault(int vector, uint? errorCode = null)
    {
        Assert.Equal((VcpuExitReason.Halted, vector, errorCode), (Exit, Vector ?? -1, ErrorCode));
    }
}
