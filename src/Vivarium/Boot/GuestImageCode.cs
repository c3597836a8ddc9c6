using Vivarium.X86;

namespace Vivarium;

/// <summary>The code in an executable image, for tools that look at it. Immutable.</summary>
/// <param name="Bits">64 or 32: the mode it begins in.</param>
/// <param name="Entry">Where it begins.</param>
/// <param name="Pieces">What of it is loaded where.</param>
public sealed record GuestImageCode(int Bits, ulong Entry, IReadOnlyList<GuestCode> Pieces)
{
    /// <summary>Reads an ELF or multiboot image; null if the file is neither.</summary>
    /// <exception cref="GuestImageException">It is cut off or otherwise unusable.</exception>
    public static GuestImageCode? TryRead(ReadOnlyMemory<byte> file)
    {
        var isMultiboot = MultibootHeader.IsPresent(file.Span);
        if (isMultiboot && MultibootHeader.Parse(file.Span) is { HasAddresses: true } header)
        {
            return new GuestImageCode(32, header.Entry, [new GuestCode(header.LoadGpa, file[(int)header.FileOffset..])]);
        }

        if (!ElfImage.IsElf(file.Span))
        {
            return null;
        }

        var elf = ElfImage.Parse(file);
        return new GuestImageCode(elf.Is64Bit ? 64 : 32, elf.Entry, elf.Code());
    }
}
