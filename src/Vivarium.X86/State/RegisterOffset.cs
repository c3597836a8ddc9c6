using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>Byte offsets of registers in <see cref="CpuState"/>, as decoded operations carry them.</summary>
internal static unsafe class RegisterOffset
{
    /// <summary>What <see cref="CpuState.Far"/> holds: no less than a page and the longest instruction.</summary>
    public const ulong FarBytes = 8192;

    public static readonly ushort Zero = Offset(nameof(CpuState.Zero));
    public static readonly ushort RipPage = Offset(nameof(CpuState.RipPage));
    public static readonly ushort Rip = Offset(nameof(CpuState.Rip));
    public static readonly ushort Far = Offset(nameof(CpuState.Far));
    public static readonly ushort Scratch = Offset(nameof(CpuState.Scratch));
    public static readonly ushort X87 = Offset(nameof(CpuState.X87));
    public static readonly ushort Vector = Offset(nameof(CpuState.Vector));
    private static readonly ushort s_segments = Offset(nameof(CpuState.Es));

    /// <summary>A general register of any width; for AH, CH, DH and BH add 1 to that of RAX, RCX, RDX, RBX.</summary>
    public static ushort Gpr(int number) => (ushort)(number * sizeof(ulong));

    /// <summary>The base of segment register ES, CS, SS, DS, FS, GS (0 to 5).</summary>
    public static ushort SegmentBase(int number) => (ushort)(s_segments + (number * sizeof(SegmentRegister)));

    /// <summary>XMM, YMM or ZMM register 0 to 31.</summary>
    public static ushort Xmm(int number) => (ushort)(Vector + (number * 64));

    /// <summary>MM0–MM7: the significand of an x87 physical register.</summary>
    public static ushort Mm(int number) => (ushort)(X87 + (number * 16));

    private static ushort Offset(string field) => (ushort)Marshal.OffsetOf<CpuState>(field);
}
