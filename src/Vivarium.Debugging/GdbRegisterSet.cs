namespace Vivarium.Debugging;

/// <summary>
/// As what a guest is described to gdb, which keeps to it for a whole connection. The guest may run in any mode meanwhile; registers are read
/// and written whole, but gdb disassembles and takes frames apart as the description says.
/// </summary>
public enum GdbRegisterSet
{
    /// <summary>x86-64: the right one for a 64-bit guest, from its first instruction in whatever mode.</summary>
    X64,

    /// <summary>i386: for a guest that stays in 32-bit mode.</summary>
    X86,

    /// <summary>The registers of i386, with 16-bit disassembly: for real mode. gdb adds no segment bases: use <c>$cs_base + $eip</c>.</summary>
    X86Real,
}
