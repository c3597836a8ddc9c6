namespace Vivarium.X86.Tests;

/// <summary>What a case runs in: 64-bit mode or 32-bit flat protected mode with PAE paging, at CPL 0 or CPL 3.</summary>
internal enum LabMode
{
    Kernel64,
    User64,
    Kernel32,
    User32,
}

internal static class LabModes
{
    public static int Bits(this LabMode mode) => mode is LabMode.Kernel64 or LabMode.User64 ? 64 : 32;

    public static bool IsUser(this LabMode mode) => mode is LabMode.User64 or LabMode.User32;
}
