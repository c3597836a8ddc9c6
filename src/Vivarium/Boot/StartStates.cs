using Vivarium.Memory;

namespace Vivarium;

/// <summary>The three states in which boot protocols start a processor, and the tables that they need in guest memory.</summary>
internal static class StartStates
{
    /// <summary>Selectors that the Linux boot protocol prescribes (__BOOT_CS, __BOOT_DS); the others do not care.</summary>
    private const ushort CodeSelector = 0x10;
    private const ushort DataSelector = 0x18;
    private const ushort TaskSelector = 0x20;

    private const uint CodeRights32 = 0xC09B;
    private const uint CodeRights64 = 0xA09B;
    private const uint DataRights = 0xC093;
    private const uint TaskRights = 0x008B;
    private const uint RealRights = 0x0093;

    private const ulong ProtectionEnable = 1;
    private const ulong ExtensionType = 1 << 4;
    private const ulong Paging = 1UL << 31;
    private const ulong PhysicalAddressExtension = 1 << 5;
    private const ulong LongModeEnableAndActive = 0x500;

    /// <summary>Real mode at <paramref name="segment"/>:<paramref name="offset"/>, as a BIOS leaves it to a boot sector.</summary>
    public static CpuStartState Real(ushort segment, ushort offset) => new()
    {
        Rip = offset,
        Cr0 = ExtensionType,
        Code = new SegmentStart(segment, (ulong)segment << 4, 0xFFFF, RealRights | 8),
        Data = new SegmentStart(segment, (ulong)segment << 4, 0xFFFF, RealRights),
    };

    /// <summary>Flat 32-bit protected mode without paging; a GDT with the segments in use is written.</summary>
    public static CpuStartState Protected32(BootContext context, ulong entry) => new()
    {
        Rip = entry,
        Cr0 = ProtectionEnable | ExtensionType,
        Code = new SegmentStart(CodeSelector, 0, uint.MaxValue, CodeRights32),
        Data = new SegmentStart(DataSelector, 0, uint.MaxValue, DataRights),
        Task = new SegmentStart(TaskSelector, 0, 0x67, TaskRights),
        GdtBase = BootLayout.Gdt,
        GdtLimit = WriteGdt(context, 0x00CF9B000000FFFF),
    };

    /// <summary>64-bit mode with the first 4 GiB mapped to themselves in pages of 2 MiB.</summary>
    public static CpuStartState Long64(BootContext context, ulong entry)
    {
        const ulong presentWritable = 3;
        const ulong largePage = 1 << 7;
        const int gibibytes = 4;
        context.Write(BootLayout.PageTables, (BootLayout.PageTables + GuestMemory.PageSize) | presentWritable, "page tables");
        for (var directory = 0UL; directory < gibibytes; directory++)
        {
            var table = BootLayout.PageTables + ((2 + directory) * GuestMemory.PageSize);
            context.Write(BootLayout.PageTables + GuestMemory.PageSize + (directory * 8), table | presentWritable, "page tables");
            for (var entryIndex = 0UL; entryIndex < 512; entryIndex++)
            {
                context.Write(table + (entryIndex * 8), (directory << 30) | (entryIndex << 21) | largePage | presentWritable, "page tables");
            }
        }

        return new CpuStartState
        {
            Rip = entry,
            Cr0 = ProtectionEnable | ExtensionType | Paging,
            Cr3 = BootLayout.PageTables,
            Cr4 = PhysicalAddressExtension,
            Efer = LongModeEnableAndActive,
            Code = new SegmentStart(CodeSelector, 0, uint.MaxValue, CodeRights64),
            Data = new SegmentStart(DataSelector, 0, uint.MaxValue, DataRights),
            Task = new SegmentStart(TaskSelector, 0, 0x67, TaskRights),
            GdtBase = BootLayout.Gdt,
            GdtLimit = WriteGdt(context, 0x00AF9B000000FFFF),
        };
    }

    private static uint WriteGdt(BootContext context, ulong code)
    {
        ReadOnlySpan<ulong> descriptors = [0, 0, code, 0x00CF93000000FFFF, 0x00008B0000000067, 0];
        for (var i = 0; i < descriptors.Length; i++)
        {
            context.Write(BootLayout.Gdt + ((ulong)i * 8), descriptors[i], "boot GDT");
        }

        return (uint)(descriptors.Length * 8) - 1;
    }
}
