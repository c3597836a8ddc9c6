namespace Vivarium;

/// <summary>Where boot loaders put their structures, all below 640 KiB, where kernels leave them alone until they have read them.</summary>
internal static class BootLayout
{
    public const ulong Gdt = 0x500;

    /// <summary>Linux's zero page, the PVH start info or the multiboot info.</summary>
    public const ulong StartInfo = 0x7000;

    /// <summary>The PML4, then the PDPT, then four page directories.</summary>
    public const ulong PageTables = 0x9000;

    /// <summary>The kernel's command line.</summary>
    public const ulong CommandLine = 0x20000;

    /// <summary>Command lines and module names end here.</summary>
    public const ulong CommandLineEnd = 0x40000;

    /// <summary>A BIOS's extended data area begins here: above it a kernel expects no usable memory.</summary>
    public const ulong ExtendedBiosData = 0x9FC00;
}
