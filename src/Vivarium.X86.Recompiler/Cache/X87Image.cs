namespace Vivarium.X86;

/// <summary>
/// The image through which x87 registers go between the host's unit and the state: that of FNSAVE in its 32-bit form (Intel SDM Vol. 1
/// §8.1.10), behind it the host's own control word. It lies at the end of the engine's part of <see cref="VcpuMemory"/>.
/// </summary>
internal static class X87Image
{
    public const int SizeBytes = 128;
    public const int ControlOffset = 0;
    public const int StatusOffset = 4;
    public const int TagOffset = 8;
    public const int RegistersOffset = 28;
    public const int HostControlOffset = 108;

    /// <summary>Bytes of a register in the image.</summary>
    public const int RegisterBytes = 10;

    /// <summary>From the state to the image.</summary>
    public static int Offset => VcpuMemory.EngineTablesOffset + VcpuMemory.EngineTablesBytes - SizeBytes;

    /// <summary>What the host's C# expects: every exception masked, and the precision of its ABI.</summary>
    public static ushort HostControl => (ushort)(OperatingSystem.IsWindows() ? 0x27F : 0x37F);
}
