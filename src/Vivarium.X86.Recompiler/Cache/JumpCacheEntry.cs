using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>Where an instruction pointer led last time. The table lies in the engine's part of <see cref="VcpuMemory"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct JumpCacheEntry
{
    public const int Count = 4096;
    public const int HashShift = 12;
    public const int SizeShift = 5;
    public const int RipOffset = 0;
    public const int ContextOffset = 8;
    public const int CodeOffset = 16;
    public const int PageOffset = 24;

    public ulong Rip;

    /// <summary>The context it holds in; 0 for none.</summary>
    public ulong Context;

    /// <summary>Host address of the code.</summary>
    public nint Code;

    /// <summary>What <see cref="CpuState.RipPage"/> becomes.</summary>
    public ulong RipPage;

    /// <summary>From the state to the table.</summary>
    public static int TableOffset => VcpuMemory.EngineTablesOffset;

    /// <summary>The entry for an instruction pointer.</summary>
    public static int IndexOf(ulong rip) => (int)((uint)rip ^ ((uint)rip >> HashShift)) & (Count - 1);
}
