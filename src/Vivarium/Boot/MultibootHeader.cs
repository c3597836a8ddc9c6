using System.Buffers.Binary;

namespace Vivarium;

/// <summary>The header that marks a multiboot 1 image (Multiboot Specification 0.6.96 §3.1).</summary>
internal sealed class MultibootHeader
{
    private const uint Magic = 0x1BADB002;
    private const int SearchBytes = 8192;
    private const uint VideoFlag = 1 << 2;
    private const uint AddressFlag = 1 << 16;
    private const uint UnknownRequirements = 0xFFF8;

    private MultibootHeader()
    {
    }

    /// <summary>Whether the addresses below say how to load the image; otherwise it is an ELF image.</summary>
    public bool HasAddresses { get; private init; }

    /// <summary>Where in the file the loaded part begins.</summary>
    public uint FileOffset { get; private init; }

    public uint LoadGpa { get; private init; }

    /// <summary>The end of what is copied; 0 means to the end of the file.</summary>
    public uint LoadEndGpa { get; private init; }

    /// <summary>The end of what is zeroed; 0 means none.</summary>
    public uint BssEndGpa { get; private init; }

    public uint Entry { get; private init; }

    /// <summary>Whether the file holds a multiboot header.</summary>
    public static bool IsPresent(ReadOnlySpan<byte> file) => FindOffset(file) >= 0;

    /// <exception cref="GuestImageException">There is no header, or it asks for what is not offered.</exception>
    public static MultibootHeader Parse(ReadOnlySpan<byte> file)
    {
        var offset = FindOffset(file);
        if (offset < 0)
        {
            throw new GuestImageException("The image has no multiboot header in its first 8,192 bytes.");
        }

        var flags = Word(file, offset + 4);
        if ((flags & (VideoFlag | UnknownRequirements)) != 0)
        {
            throw new GuestImageException($"The multiboot image requires features that are not offered (header flags 0x{flags:X8}): a video mode or later ones.");
        }

        if ((flags & AddressFlag) == 0)
        {
            return new MultibootHeader();
        }

        if (offset + 32 > file.Length)
        {
            throw new GuestImageException("The multiboot header is cut off.");
        }

        var header = Word(file, offset + 12);
        var load = Word(file, offset + 16);
        if (load > header || header - load > (uint)offset)
        {
            throw new GuestImageException("The multiboot header's addresses do not agree with its place in the file.");
        }

        return new MultibootHeader
        {
            HasAddresses = true,
            FileOffset = (uint)offset - (header - load),
            LoadGpa = load,
            LoadEndGpa = Word(file, offset + 20),
            BssEndGpa = Word(file, offset + 24),
            Entry = Word(file, offset + 28),
        };
    }

    private static int FindOffset(ReadOnlySpan<byte> file)
    {
        for (var offset = 0; offset + 12 <= Math.Min(file.Length, SearchBytes); offset += 4)
        {
            if (Word(file, offset) == Magic && unchecked(Magic + Word(file, offset + 4) + Word(file, offset + 8)) == 0)
            {
                return offset;
            }
        }

        return -1;
    }

    private static uint Word(ReadOnlySpan<byte> file, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(file[offset..]);
}
