using System.Globalization;

namespace Vivarium.X86;

/// <summary>A block of guest code as the recompiler takes it, with its host code. Immutable.</summary>
public sealed class TranslationDumpBlock
{
    internal TranslationDumpBlock(ulong address, int guestBytes, int hostBytes, IReadOnlyList<TranslationDumpPart> parts)
    {
        Address = address;
        GuestBytes = guestBytes;
        HostBytes = hostBytes;
        Parts = parts;
    }

    /// <summary>Address of its first instruction.</summary>
    public ulong Address { get; }

    /// <summary>Bytes of guest code.</summary>
    public int GuestBytes { get; }

    /// <summary>Bytes of host code; 0 if the block is not translated.</summary>
    public int HostBytes { get; }

    /// <summary>Guest instructions in their order, then what lies out of line.</summary>
    public IReadOnlyList<TranslationDumpPart> Parts { get; }

    /// <summary>Guest instructions.</summary>
    public int Instructions => Parts.Count(part => part.GuestText.Length > 0);

    /// <summary>Guest instructions without a native form.</summary>
    public int Interpreted => Parts.Count(part => part.IsInterpreted);

    /// <summary>One line: address and counts.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"block {Address:X}: {Count(Instructions, "instruction")}, {(Interpreted == 0 ? "all native" : $"{Interpreted} interpreted")}, {Count(GuestBytes, "byte")} of guest code, {Count(HostBytes, "byte")} of host code");

    private static string Count(int count, string what) => string.Create(CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? "" : "s")}");
}
