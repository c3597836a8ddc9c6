using System.Text;
using Vivarium.Memory;

namespace Vivarium;

/// <summary>
/// Boots a multiboot 1 image, ELF32 or flat with addresses in its header, with modules (Multiboot Specification 0.6.96): 32-bit protected
/// mode, EAX the magic, EBX the information structure.
/// </summary>
public sealed class MultibootLoader : IBootLoader
{
    private const uint BootMagic = 0x2BADB002;
    private const uint InfoMemory = 1 << 0;
    private const uint InfoCommandLine = 1 << 2;
    private const uint InfoModules = 1 << 3;
    private const uint InfoMap = 1 << 6;
    private const uint InfoLoaderName = 1 << 9;
    private const ulong MapTable = BootLayout.StartInfo + 0x100;
    private const ulong ModuleTable = 0x10000;
    private const int MaximumMapEntries = 128;
    private const int MaximumModules = 256;
    private const string What = "multiboot information";

    private readonly ReadOnlyMemory<byte> _image;
    private readonly MultibootHeader _header;
    private readonly ElfImage? _elf;
    private readonly string _commandLine;
    private readonly IReadOnlyList<MultibootModule> _modules;

    /// <summary>Takes an image, a command line and modules.</summary>
    /// <exception cref="GuestImageException">The image is no usable multiboot image, or there are too many modules.</exception>
    public MultibootLoader(ReadOnlyMemory<byte> image, string commandLine = "", IReadOnlyList<MultibootModule>? modules = null)
    {
        ArgumentNullException.ThrowIfNull(commandLine);
        _image = image;
        _commandLine = commandLine;
        _modules = modules ?? [];
        _header = MultibootHeader.Parse(image.Span);
        if (!_header.HasAddresses)
        {
            _elf = ElfImage.Parse(image);
            if (_elf.Is64Bit)
            {
                throw new GuestImageException("The multiboot image is ELF64; multiboot 1 starts in 32-bit mode and takes ELF32, or a header with addresses.");
            }
        }

        if (_modules.Count > MaximumModules)
        {
            throw new GuestImageException($"There are {_modules.Count} multiboot modules; at most {MaximumModules} can be handed over.");
        }
    }

    /// <inheritdoc/>
    public CpuStartState? Load(BootContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var end = _elf?.Load(context, "multiboot image") ?? LoadFlat(context);
        var entry = _elf?.Entry ?? _header.Entry;
        var textGpa = BootLayout.CommandLine;
        var info = BootLayout.StartInfo;
        context.Write(info + 16, (uint)WriteText(context, ref textGpa, _commandLine), What);
        context.Write(info + 64, (uint)WriteText(context, ref textGpa, "Vivarium"), What);
        WriteModules(context, end, ref textGpa);
        WriteMap(context);
        context.Write(info, InfoMemory | InfoCommandLine | InfoModules | InfoMap | InfoLoaderName, What);
        return StartStates.Protected32(context, entry) with { Rax = BootMagic, Rbx = info };
    }

    private static ulong WriteText(BootContext context, ref ulong gpa, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text + "\0");
        if (gpa + (ulong)bytes.Length > BootLayout.CommandLineEnd)
        {
            throw new GuestImageException("The multiboot command line and module names together are too long.");
        }

        context.Write(gpa, bytes, What);
        gpa += (ulong)bytes.Length;
        return gpa - (ulong)bytes.Length;
    }

    private static void WriteMap(BootContext context)
    {
        var info = BootLayout.StartInfo;
        var count = Math.Min(context.MemoryMap.Count, MaximumMapEntries);
        for (var i = 0; i < count; i++)
        {
            var entry = context.MemoryMap[i];
            var gpa = MapTable + ((ulong)i * 24);
            context.Write(gpa, 20u, What);
            context.Write(gpa + 4, entry.Gpa, What);
            context.Write(gpa + 12, entry.SizeBytes, What);
            context.Write(gpa + 20, (uint)entry.Kind, What);
        }

        var upper = context.MemoryMap.FirstOrDefault(entry => entry.Kind == MemoryMapKind.Usable && entry.Gpa == 0x10_0000);
        context.Write(info + 4, (uint)(BootLayout.ExtendedBiosData / 1024), What);
        context.Write(info + 8, (uint)(upper.SizeBytes / 1024), What);
        context.Write(info + 44, (uint)(count * 24), What);
        context.Write(info + 48, (uint)MapTable, What);
    }

    private ulong LoadFlat(BootContext context)
    {
        var available = (ulong)_image.Length - _header.FileOffset;
        var wanted = _header.LoadEndGpa == 0 ? available : (ulong)_header.LoadEndGpa - _header.LoadGpa;
        if (_header.LoadEndGpa != 0 && (_header.LoadEndGpa < _header.LoadGpa || wanted > available))
        {
            throw new GuestImageException("The multiboot image is cut off: its header announces more than the file has.");
        }

        var end = Math.Max(_header.LoadGpa + wanted, _header.BssEndGpa);
        context.RequireUsable(_header.LoadGpa, end - _header.LoadGpa, "multiboot image");
        context.Write(_header.LoadGpa, _image.Span.Slice((int)_header.FileOffset, (int)wanted), "multiboot image");
        return end;
    }

    private void WriteModules(BootContext context, ulong imageEnd, ref ulong textGpa)
    {
        var next = (imageEnd + GuestMemory.PageSize - 1) & ~(GuestMemory.PageSize - 1UL);
        for (var i = 0; i < _modules.Count; i++)
        {
            var content = _modules[i].Content;
            context.RequireUsable(next, (ulong)content.Length, "multiboot module");
            context.Write(next, content.Span, "multiboot module");
            var gpa = ModuleTable + ((ulong)i * 16);
            context.Write(gpa, (uint)next, What);
            context.Write(gpa + 4, (uint)(next + (ulong)content.Length), What);
            context.Write(gpa + 8, (uint)WriteText(context, ref textGpa, _modules[i].CommandLine), What);
            next = (next + (ulong)content.Length + GuestMemory.PageSize - 1) & ~(GuestMemory.PageSize - 1UL);
        }

        context.Write(BootLayout.StartInfo + 20, (uint)_modules.Count, What);
        context.Write(BootLayout.StartInfo + 24, (uint)ModuleTable, What);
    }
}

/// <summary>A file that a multiboot loader hands to the kernel.</summary>
/// <param name="Content">The bytes.</param>
/// <param name="CommandLine">The text that goes with it, by custom its name and arguments.</param>
public sealed record MultibootModule(ReadOnlyMemory<byte> Content, string CommandLine);
