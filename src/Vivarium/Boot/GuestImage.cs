namespace Vivarium;

/// <summary>What a file is, as far as booting goes.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Details">Facts about it for people, by name.</param>
public sealed record GuestImage(GuestImageKind Kind, IReadOnlyList<(string Name, string Value)> Details)
{
    private const int LargestRom = 16 << 20;

    /// <summary>Looks at a file's bytes. A file that only looks like a kind but is damaged gets that kind's exception.</summary>
    /// <exception cref="GuestImageException">It is cut off or otherwise unusable.</exception>
    public static GuestImage Identify(ReadOnlyMemory<byte> file)
    {
        var bytes = file.Span;
        if (bytes.Length >= 0x206 && bytes.Slice(0x202, 4).SequenceEqual("HdrS"u8))
        {
            return DescribeLinux(new LinuxKernelImage(file));
        }

        if (ElfImage.IsElf(bytes))
        {
            var elf = ElfImage.Parse(file);
            var kind = PvhBootLoader.HasEntry(elf) ? GuestImageKind.PvhElf
                : MultibootHeader.IsPresent(bytes) ? GuestImageKind.Multiboot
                : GuestImageKind.OtherElf;
            return new GuestImage(kind, [("Format", elf.Is64Bit ? "ELF64" : "ELF32"), ("Entry", $"0x{elf.Entry:X}")]);
        }

        if (MultibootHeader.IsPresent(bytes))
        {
            var header = MultibootHeader.Parse(bytes);
            return new GuestImage(GuestImageKind.Multiboot, [("Format", "flat"), ("Load address", $"0x{header.LoadGpa:X}"), ("Entry", $"0x{header.Entry:X}")]);
        }

        return bytes.Length is >= 4096 and <= LargestRom && bytes.Length % 4096 == 0 && bytes[^16] is 0xEA or 0xE9 or 0xEB
            ? new GuestImage(GuestImageKind.Rom, [("Size", $"{bytes.Length >> 10} KiB"), ("Reset vector", "has a jump")])
            : new GuestImage(GuestImageKind.Unknown, [("Size", $"{bytes.Length:N0} bytes")]);
    }

    private static GuestImage DescribeLinux(LinuxKernelImage kernel) => new(GuestImageKind.LinuxBzImage,
    [
        ("Release", kernel.ReleaseText),
        ("Boot protocol", $"{kernel.ProtocolVersion >> 8}.{kernel.ProtocolVersion & 0xFF:D2}"),
        ("Entry", kernel.Has64BitEntry ? "64-bit" : "32-bit"),
        ("Preferred address", $"0x{kernel.PreferredGpa:X}{(kernel.IsRelocatable ? ", relocatable" : "")}"),
        ("Memory at start", $"{kernel.InitialBytes >> 20} MiB"),
        ("Longest command line", $"{kernel.MaximumCommandLineLength} bytes"),
    ]);
}

/// <summary>Kinds of image.</summary>
public enum GuestImageKind
{
    /// <summary>Nothing that is known here.</summary>
    Unknown,

    /// <summary>For <see cref="LinuxBootLoader"/>.</summary>
    LinuxBzImage,

    /// <summary>For <see cref="PvhBootLoader"/>.</summary>
    PvhElf,

    /// <summary>For <see cref="MultibootLoader"/>.</summary>
    Multiboot,

    /// <summary>An ELF file without an entry that is known here.</summary>
    OtherElf,

    /// <summary>For <see cref="RomLoader"/>, by its size and its last bytes.</summary>
    Rom,
}
