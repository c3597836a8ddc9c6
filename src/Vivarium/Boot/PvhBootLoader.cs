using System.Buffers.Binary;
using System.Text;
using Vivarium.Memory;

namespace Vivarium;

/// <summary>
/// Boots an ELF image through its PVH entry: 32-bit protected mode, EBX pointing to the start info (Xen, "x86/HVM direct boot ABI").
/// An uncompressed Linux kernel (vmlinux) with CONFIG_PVH is one, and so are several unikernels.
/// </summary>
public sealed class PvhBootLoader : IBootLoader
{
    private const uint EntryNote = 18;
    private const uint StartInfoMagic = 0x336EC578;
    private const ulong ModuleList = BootLayout.StartInfo + 0x100;
    private const ulong MapTable = BootLayout.StartInfo + 0x200;
    private const int MaximumMapEntries = 128;

    private readonly ElfImage _image;
    private readonly ulong _entry;
    private readonly BootPayload _initrd;
    private readonly byte[] _commandLine;

    /// <summary>Takes an ELF image, an optional module (Linux: the initial RAM disk) and a command line.</summary>
    /// <exception cref="GuestImageException">The image is cut off, not for x86, or has no PVH entry, or the command line is too long.</exception>
    public PvhBootLoader(ReadOnlyMemory<byte> image, ReadOnlyMemory<byte> initrd = default, string commandLine = "")
        : this(image, new BootPayload(initrd), commandLine)
    {
    }

    private PvhBootLoader(ReadOnlyMemory<byte> image, BootPayload initrd, string commandLine)
    {
        ArgumentNullException.ThrowIfNull(commandLine);
        _image = ElfImage.Parse(image);
        _initrd = initrd;
        _commandLine = Encoding.UTF8.GetBytes(commandLine);
        if (_commandLine.Length >= (int)(BootLayout.CommandLineEnd - BootLayout.CommandLine))
        {
            throw new GuestImageException($"The command line has {_commandLine.Length} bytes, which is too long.");
        }

        var note = FindEntry(_image);
        _entry = note switch
        {
            { Length: 4 } => BinaryPrimitives.ReadUInt32LittleEndian(note.Value.Span),
            { Length: 8 } => BinaryPrimitives.ReadUInt64LittleEndian(note.Value.Span),
            _ => throw new GuestImageException("The ELF image has no PVH entry (note XEN_ELFNOTE_PHYS32_ENTRY); Linux has one with CONFIG_PVH."),
        };
    }

    /// <summary>
    /// Has the initial RAM disk read from a stream, from its start at each load, so that the process never holds all of it. Whoever opened
    /// the stream closes it, after the machine.
    /// </summary>
    /// <exception cref="ArgumentException">The stream cannot be read, or not from its start again.</exception>
    /// <exception cref="GuestImageException">As for an initial RAM disk in memory.</exception>
    public static PvhBootLoader CreateStreamed(ReadOnlyMemory<byte> image, Stream initrd, string commandLine = "") => new(image, new BootPayload(initrd), commandLine);

    /// <summary>Whether an ELF image has a PVH entry.</summary>
    internal static bool HasEntry(ElfImage image) => FindEntry(image) is { Length: 4 or 8 };

    /// <inheritdoc/>
    public CpuStartState? Load(BootContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        const string what = "PVH start info";
        var end = _image.Load(context, "kernel");
        context.Write(BootLayout.CommandLine, _commandLine, what);
        context.Write(BootLayout.CommandLine + (ulong)_commandLine.Length, (byte)0, what);
        if (!_initrd.IsEmpty)
        {
            var gpa = context.PlaceHigh((ulong)_initrd.LengthBytes, end, uint.MaxValue, "initrd");
            _initrd.Write(context, gpa, "initrd");
            context.Write(ModuleList, gpa, what);
            context.Write(ModuleList + 8, (ulong)_initrd.LengthBytes, what);
        }

        var count = Math.Min(context.MemoryMap.Count, MaximumMapEntries);
        for (var i = 0; i < count; i++)
        {
            var entry = context.MemoryMap[i];
            context.Write(MapTable + ((ulong)i * 24), entry.Gpa, what);
            context.Write(MapTable + ((ulong)i * 24) + 8, entry.SizeBytes, what);
            context.Write(MapTable + ((ulong)i * 24) + 16, (uint)entry.Kind, what);
        }

        context.Write(BootLayout.StartInfo, StartInfoMagic, what);
        context.Write(BootLayout.StartInfo + 4, 1u, what);
        context.Write(BootLayout.StartInfo + 12, _initrd.IsEmpty ? 0u : 1u, what);
        context.Write(BootLayout.StartInfo + 16, ModuleList, what);
        context.Write(BootLayout.StartInfo + 24, BootLayout.CommandLine, what);
        context.Write(BootLayout.StartInfo + 32, context.RsdpGpa, what);
        context.Write(BootLayout.StartInfo + 40, MapTable, what);
        context.Write(BootLayout.StartInfo + 48, (uint)count, what);
        return StartStates.Protected32(context, _entry) with { Rbx = BootLayout.StartInfo };
    }

    private static ReadOnlyMemory<byte>? FindEntry(ElfImage image) => image.FindNote("Xen\0"u8, EntryNote);
}
