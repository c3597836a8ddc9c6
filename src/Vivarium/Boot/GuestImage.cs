using System.IO.Compression;

namespace Vivarium;

/// <summary>What a file is, as far as booting goes.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Details">Facts about it for people, by name.</param>
public sealed record GuestImage(GuestImageKind Kind, IReadOnlyList<(string Name, string Value)> Details)
{
    private const int LargestRom = 16 << 20;
    private const int CpioMagicBytes = 6;

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

        if (CpioFormat(file) is { } format)
        {
            return new GuestImage(GuestImageKind.InitialRamDisk, [("Format", format), ("Size", $"{bytes.Length:N0} bytes")]);
        }

        return bytes.Length is >= 4096 and <= LargestRom && bytes.Length % 4096 == 0 && bytes[^16] is 0xEA or 0xE9 or 0xEB
            ? new GuestImage(GuestImageKind.Rom, [("Size", $"{bytes.Length >> 10} KiB"), ("Reset vector", "has a jump")])
            : new GuestImage(GuestImageKind.Unknown, [("Size", $"{bytes.Length:N0} bytes")]);
    }

    /// <summary>The archive's format, or null if it is none that kernels unpack (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).</summary>
    private static string? CpioFormat(ReadOnlyMemory<byte> file)
    {
        if (IsCpio(file.Span))
        {
            return "cpio";
        }

        if (!file.Span.StartsWith<byte>([0x1F, 0x8B]))
        {
            return null;
        }

        try
        {
            var start = new byte[CpioMagicBytes];
            using var unpacked = new GZipStream(new MemoryStream(file.Slice(0, Math.Min(file.Length, 64 << 10)).ToArray()), CompressionMode.Decompress);
            return unpacked.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && IsCpio(start) ? "cpio, gzip" : null;
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    private static bool IsCpio(ReadOnlySpan<byte> bytes) => bytes.StartsWith("070701"u8) || bytes.StartsWith("070702"u8);

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

    /// <summary>A cpio archive, plain or compressed with gzip: the initial RAM disk of a <see cref="LinuxBootLoader"/>.</summary>
    InitialRamDisk,
}
