using System.Text;

namespace Vivarium;

/// <summary>
/// Boots a Linux bzImage directly at its 64-bit entry, or at its 32-bit entry if it has no other (Linux kernel documentation, "The
/// Linux/x86 Boot Protocol" and "The x86 zero page").
/// </summary>
public sealed class LinuxBootLoader : IBootLoader
{
    private const ulong LowestHighMemory = 0x10_0000;
    private const int Entry64Offset = 0x200;
    private const int MaximumMapEntries = 128;
    private const byte UnknownLoader = 0xFF;

    private readonly LinuxKernelImage _kernel;
    private readonly BootPayload _initrd;
    private readonly byte[] _commandLine;

    /// <summary>Takes a kernel, an optional initial RAM disk and a command line.</summary>
    /// <exception cref="GuestImageException">The kernel is no usable bzImage, or the command line is too long for it.</exception>
    public LinuxBootLoader(ReadOnlyMemory<byte> kernel, ReadOnlyMemory<byte> initrd = default, string commandLine = "")
        : this(kernel, new BootPayload(initrd), commandLine)
    {
    }

    private LinuxBootLoader(ReadOnlyMemory<byte> kernel, BootPayload initrd, string commandLine)
    {
        ArgumentNullException.ThrowIfNull(commandLine);
        _kernel = new LinuxKernelImage(kernel);
        _initrd = initrd;
        _commandLine = Encoding.UTF8.GetBytes(commandLine);
        var longest = Math.Min(_kernel.MaximumCommandLineLength, (int)(BootLayout.CommandLineEnd - BootLayout.CommandLine) - 1);
        if (_commandLine.Length > longest)
        {
            throw new GuestImageException($"The kernel command line has {_commandLine.Length} bytes; this kernel takes at most {longest}.");
        }
    }

    /// <summary>
    /// Has the initial RAM disk read from a stream, from its start at each load, so that the process never holds all of it. Whoever opened
    /// the stream closes it, after the machine.
    /// </summary>
    /// <exception cref="ArgumentException">The stream cannot be read, or not from its start again.</exception>
    /// <exception cref="GuestImageException">As for an initial RAM disk in memory.</exception>
    public static LinuxBootLoader CreateStreamed(ReadOnlyMemory<byte> kernel, Stream initrd, string commandLine = "") => new(kernel, new BootPayload(initrd), commandLine);

    /// <inheritdoc/>
    public CpuStartState? Load(BootContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var kernelGpa = PlaceKernel(context);
        context.Write(kernelGpa, _kernel.System.Span, "kernel");
        var initrdGpa = 0UL;
        if (!_initrd.IsEmpty)
        {
            initrdGpa = context.PlaceHigh((ulong)_initrd.LengthBytes, kernelGpa + _kernel.InitialBytes, _kernel.MaximumInitrdGpa + 1, "initrd");
            _initrd.Write(context, initrdGpa, "initrd");
        }

        context.Write(BootLayout.CommandLine, _commandLine, "command line");
        context.Write(BootLayout.CommandLine + (ulong)_commandLine.Length, (byte)0, "command line");
        WriteZeroPage(context, kernelGpa, initrdGpa);
        var state = _kernel.Has64BitEntry ? StartStates.Long64(context, kernelGpa + Entry64Offset) : StartStates.Protected32(context, kernelGpa);
        return state with { Rsi = BootLayout.StartInfo };
    }

    private ulong PlaceKernel(BootContext context)
    {
        try
        {
            context.RequireUsable(_kernel.PreferredGpa, _kernel.InitialBytes, "kernel");
            return _kernel.PreferredGpa;
        }
        catch (GuestImageException) when (_kernel.IsRelocatable && _kernel.Alignment != 0)
        {
            var gpa = (LowestHighMemory + _kernel.Alignment - 1) / _kernel.Alignment * _kernel.Alignment;
            context.RequireUsable(gpa, _kernel.InitialBytes, "kernel");
            return gpa;
        }
    }

    private void WriteZeroPage(BootContext context, ulong kernelGpa, ulong initrdGpa)
    {
        const string what = "zero page";
        var page = BootLayout.StartInfo;
        context.Write(page + LinuxKernelImage.HeaderOffset, _kernel.SetupHeader.Span, what);
        context.Write(page + 0x210, UnknownLoader, what);
        context.Write(page + 0x214, (uint)kernelGpa, what);
        context.Write(page + 0x218, (uint)initrdGpa, what);
        context.Write(page + 0x21C, (uint)_initrd.LengthBytes, what);
        context.Write(page + 0x228, (uint)BootLayout.CommandLine, what);
        context.Write(page + 0x070, context.RsdpGpa, what);
        if (context.HasVgaText)
        {
            // screen_info: mode 3, 80 by 25, VGA, characters of 16 lines
            context.Write(page + 0x006, (ushort)0x5003, what);
            context.Write(page + 0x00E, (ushort)0x0119, what);
            context.Write(page + 0x010, (ushort)16, what);
        }

        var count = Math.Min(context.MemoryMap.Count, MaximumMapEntries);
        context.Write(page + 0x1E8, (byte)count, what);
        for (var i = 0; i < count; i++)
        {
            var entry = context.MemoryMap[i];
            var gpa = page + 0x2D0 + ((ulong)i * 20);
            context.Write(gpa, entry.Gpa, what);
            context.Write(gpa + 8, entry.SizeBytes, what);
            context.Write(gpa + 16, (uint)entry.Kind, what);
        }
    }
}
