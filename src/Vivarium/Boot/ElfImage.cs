using System.Buffers.Binary;
using Vivarium.X86;

namespace Vivarium;

/// <summary>The program headers of an x86 executable in ELF32 or ELF64 (System V ABI, "Object Files"). All bounds are checked here.</summary>
internal sealed class ElfImage
{
    private const uint Magic = 0x7F454C46;
    private const uint SegmentLoad = 1;
    private const uint SegmentNote = 4;
    private const ushort MachineX86 = 3;
    private const ushort MachineX64 = 62;

    private readonly ReadOnlyMemory<byte> _file;
    private readonly List<Segment> _segments = [];

    private ElfImage(ReadOnlyMemory<byte> file, bool is64Bit)
    {
        _file = file;
        Is64Bit = is64Bit;
        var bytes = file.Span;
        if (bytes.Length < (is64Bit ? 64 : 52))
        {
            throw CutOff();
        }

        var machine = BinaryPrimitives.ReadUInt16LittleEndian(bytes[18..]);
        if (machine != (is64Bit ? MachineX64 : MachineX86) || bytes[5] != 1)
        {
            throw new GuestImageException("The ELF image is not for an x86 processor.");
        }

        Entry = is64Bit ? BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]) : BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..]);
        var table = is64Bit ? BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]) : BinaryPrimitives.ReadUInt32LittleEndian(bytes[28..]);
        var entryBytes = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(is64Bit ? 54 : 42)..]);
        var count = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(is64Bit ? 56 : 44)..]);
        if (entryBytes < (is64Bit ? 56 : 32))
        {
            throw new GuestImageException("The ELF image has no usable program headers.");
        }

        for (var i = 0; i < count; i++)
        {
            _segments.Add(ReadSegment(Slice(table + ((ulong)i * entryBytes), entryBytes).Span));
        }
    }

    public bool Is64Bit { get; }

    public ulong Entry { get; }

    public static bool IsElf(ReadOnlySpan<byte> file) =>
        file.Length >= 16 && BinaryPrimitives.ReadUInt32BigEndian(file) == Magic && file[4] is 1 or 2;

    /// <exception cref="GuestImageException">It is not an x86 ELF image or is cut off.</exception>
    public static ElfImage Parse(ReadOnlyMemory<byte> file) =>
        IsElf(file.Span) ? new ElfImage(file, file.Span[4] == 2) : throw new GuestImageException("The image is not an ELF file.");

    /// <summary>Copies all loadable segments to their physical addresses and returns the end of the highest.</summary>
    public ulong Load(BootContext context, string what)
    {
        var end = 0UL;
        foreach (var segment in _segments.Where(segment => segment.Type == SegmentLoad && segment.MemoryBytes > 0))
        {
            if (segment.FileBytes > segment.MemoryBytes)
            {
                throw new GuestImageException($"The {what} has a segment that is larger in the file than in memory.");
            }

            context.RequireUsable(segment.Gpa, segment.MemoryBytes, what);
            context.Write(segment.Gpa, Slice(segment.Offset, segment.FileBytes).Span, what);
            end = Math.Max(end, segment.Gpa + segment.MemoryBytes);
        }

        return end > 0 ? end : throw new GuestImageException($"The {what} has nothing to load.");
    }

    /// <summary>What is loaded, at its linear addresses if the entry is one of those, else at its physical ones.</summary>
    public IReadOnlyList<GuestCode> Code()
    {
        var loaded = _segments.Where(segment => segment.Type == SegmentLoad && segment.FileBytes > 0).ToList();
        var isLinear = loaded.Any(segment => Entry - segment.Linear < segment.FileBytes);
        return [.. loaded.Select(segment => new GuestCode(isLinear ? segment.Linear : segment.Gpa, Slice(segment.Offset, segment.FileBytes)))];
    }

    /// <summary>The content of the first note of this owner and type; null if there is none.</summary>
    public ReadOnlyMemory<byte>? FindNote(ReadOnlySpan<byte> owner, uint type)
    {
        foreach (var segment in _segments.Where(segment => segment.Type == SegmentNote))
        {
            var notes = Slice(segment.Offset, segment.FileBytes);
            while (notes.Length >= 12)
            {
                var span = notes.Span;
                var nameBytes = BinaryPrimitives.ReadUInt32LittleEndian(span);
                var contentBytes = BinaryPrimitives.ReadUInt32LittleEndian(span[4..]);
                var contentStart = 12 + RoundUp(nameBytes);
                var next = contentStart + RoundUp(contentBytes);
                if (contentStart + contentBytes > (ulong)notes.Length)
                {
                    break;
                }

                if (BinaryPrimitives.ReadUInt32LittleEndian(span[8..]) == type && span.Slice(12, (int)nameBytes).SequenceEqual(owner))
                {
                    return notes.Slice((int)contentStart, (int)contentBytes);
                }

                notes = notes[(int)Math.Min(next, (ulong)notes.Length)..];
            }
        }

        return null;
    }

    private static ulong RoundUp(uint value) => (value + 3UL) & ~3UL;

    private static GuestImageException CutOff() => new("The ELF image is cut off.");

    private Segment ReadSegment(ReadOnlySpan<byte> header) => Is64Bit
        ? new Segment(
            BinaryPrimitives.ReadUInt32LittleEndian(header),
            BinaryPrimitives.ReadUInt64LittleEndian(header[8..]),
            BinaryPrimitives.ReadUInt64LittleEndian(header[16..]),
            BinaryPrimitives.ReadUInt64LittleEndian(header[24..]),
            BinaryPrimitives.ReadUInt64LittleEndian(header[32..]),
            BinaryPrimitives.ReadUInt64LittleEndian(header[40..]))
        : new Segment(
            BinaryPrimitives.ReadUInt32LittleEndian(header),
            BinaryPrimitives.ReadUInt32LittleEndian(header[4..]),
            BinaryPrimitives.ReadUInt32LittleEndian(header[8..]),
            BinaryPrimitives.ReadUInt32LittleEndian(header[12..]),
            BinaryPrimitives.ReadUInt32LittleEndian(header[16..]),
            BinaryPrimitives.ReadUInt32LittleEndian(header[20..]));

    private ReadOnlyMemory<byte> Slice(ulong offset, ulong sizeBytes) =>
        offset <= (ulong)_file.Length && sizeBytes <= (ulong)_file.Length - offset ? _file.Slice((int)offset, (int)sizeBytes) : throw CutOff();

    private readonly record struct Segment(uint Type, ulong Offset, ulong Linear, ulong Gpa, ulong FileBytes, ulong MemoryBytes);
}
