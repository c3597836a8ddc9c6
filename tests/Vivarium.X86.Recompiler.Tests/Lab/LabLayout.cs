namespace Vivarium.X86.Tests;

/// <summary>Where things are in the lab's guest: linear addresses, and the scrambled physical pages behind them.</summary>
internal static class LabLayout
{
    private static readonly List<LabPage> s_pages64 = Create(is64: true);
    private static readonly List<LabPage> s_pages32 = Create(is64: false);
    private static readonly List<LabPage> s_hostPages = [.. s_pages64.Where(IsHostPage)];

    public const ulong RamBytes = 0x80000;
    public const ulong MmioGpa = 0xE0000000;

    /// <summary>Linear address of the physical pages from 0 on that hold descriptor tables, handlers and the kernel's stacks.</summary>
    public const ulong Kernel = 0x12300000;
    public const ulong Gdt = Kernel;
    public const ulong Idt64 = Kernel + 0x1000;
    public const ulong Idt32 = Kernel + 0x2000;
    public const ulong Tss64 = Kernel + 0x3000;
    public const ulong Tss32 = Kernel + 0x4000;
    public const ulong Handlers = Kernel + 0x5000;
    public const ulong KernelStackTop = Kernel + 0x7000;
    public const ulong IstTop = Kernel + 0x8000;
    public const int KernelPages = 8;
    public const ulong KernelStackGpa = 0x6000;

    public const ulong Tables64 = 0x10000;
    public const ulong Tables32 = 0x30000;

    public const ulong Code = 0x400000;
    public const int CodePages = 3;
    public const ulong Data = 0x500000;
    public const ulong ReadOnly = 0x503000;
    public const ulong Supervisor = 0x505000;
    public const ulong Mmio = 0x506000;
    public const ulong Alias = 0x507000;
    public const ulong CodeAlias = 0x509000;
    public const ulong Stack = 0x5F0000;
    public const ulong StackMiddle = Stack + 0x1000;
    public const ulong High32 = 0xC0000000;
    public const ulong Top32 = 0xFFFFF000;
    public const ulong High64 = 0xFFFF800000100000;
    public const ulong Edge64 = 0x7FFFFFFFF000;
    public const ulong Top64 = 0xFFFFFFFFFFFFF000;

    private const ulong Frames = 0x50000;
    private const ulong Read = LabPage.Present | LabPage.User;
    private const ulong ReadWrite = Read | LabPage.Writable | LabPage.NoExecute;

    /// <summary>Physical pages that a case fills and that are compared afterwards: code, data, and the kernel's two stacks.</summary>
    public static IReadOnlyList<ulong> Frame { get; } = [.. Enumerable.Range(0, FrameCount).Select(i => Frames + ((ulong)i << 12))];

    public const int FrameCount = 14;

    public static IReadOnlyList<LabPage> Pages(bool is64) => is64 ? s_pages64 : s_pages32;

    /// <summary>The user's pages of 64-bit mode that a process of the host can have too.</summary>
    public static IReadOnlyList<LabPage> HostPages => s_hostPages;

    /// <summary>The kernel's pages of 64-bit mode.</summary>
    public static IEnumerable<LabPage> KernelOnly => s_pages64.Where(page => page.Linear - Kernel < KernelPages << 12);

    private static bool IsHostPage(LabPage page) => page.Linear < Edge64 && page.Gpa is >= Frames and < RamBytes && (page.Flags & LabPage.User) != 0;

    private static List<LabPage> Create(bool is64)
    {
        List<LabPage> pages =
        [
            new(Code, FrameAt(2), Read | LabPage.Writable), new(Code + 0x1000, FrameAt(0), Read | LabPage.Writable), new(Code + 0x2000, FrameAt(1), Read | LabPage.Writable),
            new(Data, FrameAt(5), ReadWrite), new(Data + 0x1000, FrameAt(3), ReadWrite),
            new(ReadOnly, FrameAt(6), Read | LabPage.NoExecute), new(ReadOnly + 0x1000, FrameAt(4), ReadWrite),
            new(Supervisor, FrameAt(7), ReadWrite & ~LabPage.User), new(Mmio, MmioGpa, ReadWrite), new(Alias, FrameAt(5), ReadWrite),
            new(CodeAlias, FrameAt(2), ReadWrite), new(Stack, FrameAt(9), ReadWrite), new(StackMiddle, FrameAt(8), ReadWrite),
            new(is64 ? High64 : High32, FrameAt(10), ReadWrite), new(is64 ? Top64 : Top32, FrameAt(11), ReadWrite),
        ];
        if (is64)
        {
            pages.Add(new LabPage(Edge64, FrameAt(12), ReadWrite));
        }

        for (var i = 0UL; i < KernelPages; i++)
        {
            pages.Add(new LabPage(Kernel + (i << 12), i << 12, LabPage.Present | LabPage.Writable));
        }

        return pages;
    }

    private static ulong FrameAt(int number) => Frames + ((ulong)number << 12);
}
