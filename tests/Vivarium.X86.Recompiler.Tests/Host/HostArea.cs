using System.Runtime.InteropServices;

namespace Vivarium.X86.Tests;

/// <summary>
/// Memory that the tests and their child process share: the frames behind the child's data and code, a control page, and the stack its signal
/// handler runs on. The child maps the frames where the lab's guest has them, and the rest at <see cref="ControlAddress"/>.
/// </summary>
internal sealed unsafe class HostArea : IDisposable
{
    public const int FramesBytes = LabLayout.FrameCount << 12;
    public const int StackBytes = 0x10000;
    public const int ControlBytes = 0x1000 + StackBytes;

    /// <summary>Where the child has the control page, with the signal stack behind it: nothing that a case computes leads there.</summary>
    public const ulong ControlAddress = 0x2F5A_7300_0000;
    public const ulong StackAddress = ControlAddress + 0x1000;

    /// <summary>Fields of the control page.</summary>
    public const int Context = 0;
    public const int FsBase = 8;
    public const int GsBase = 16;
    public const int SystemFlags = 24;
    public const int Token = 32;
    public const int NoLimit = 64;
    public const int SignalStack = 96;
    public const int Action = 128;

    private const int Bytes = FramesBytes + ControlBytes;
    private readonly byte* _memory;

    public HostArea()
    {
        // Not closed on exec: the child maps it by its number.
        File = CreateFile("vivarium-oracle", 0);
        if (File < 0 || Resize(File, Bytes) != 0)
        {
            throw new InvalidOperationException("The host refuses a memory file.");
        }

        _memory = (byte*)Map(0, Bytes, protection: 3, flags: 1, File, 0);
        if ((nint)_memory == -1)
        {
            throw new InvalidOperationException("The host refuses to map a memory file.");
        }
    }

    /// <summary>The descriptor, the same in the child.</summary>
    public int File { get; }

    // SAFETY: the mapping is Bytes long, of which the frames are the first part and the control page and stack the second; it lives until Dispose.
    public Span<byte> Frames => new(_memory, FramesBytes);

    // SAFETY: as above.
    public Span<byte> Control => new(_memory + FramesBytes, ControlBytes);

    public ref ulong Field(int offset) => ref MemoryMarshal.Cast<byte, ulong>(Control[offset..])[0];

    /// <summary>What a pointer of the child into its control page or signal stack refers to.</summary>
    public Span<byte> At(ulong address) => address - ControlAddress < ControlBytes
        ? Control[(int)(address - ControlAddress)..]
        : throw new InvalidOperationException($"The child's context is at {address:X}, outside its signal stack.");

    public void Dispose()
    {
        _ = Unmap((nint)_memory, Bytes);
        _ = Close(File);
    }

    /// <summary>A file in memory; executable, as far as the host allows.</summary>
    [DllImport("libc", EntryPoint = "memfd_create", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    public static extern int CreateFile([MarshalAs(UnmanagedType.LPStr)] string name, uint flags);

    [DllImport("libc", EntryPoint = "close")]
    public static extern int Close(int file);

    [DllImport("libc", EntryPoint = "ftruncate")]
    private static extern int Resize(int file, nint length);

    [DllImport("libc", EntryPoint = "mmap")]
    private static extern nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [DllImport("libc", EntryPoint = "munmap")]
    private static extern int Unmap(nint address, nuint length);
}
