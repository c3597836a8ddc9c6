using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>
/// Memory for emitted code: one object mapped twice, once writable and once executable, never both (W^X). It is unmapped when disposed or,
/// if forgotten, by the finalizer.
/// </summary>
internal sealed unsafe class CodeMemory : SafeHandle
{
    private static readonly ICodeMemoryHost s_host =
        OperatingSystem.IsWindows() ? new WindowsCodeMemory() : OperatingSystem.IsLinux() ? new LinuxCodeMemory() : new UnsupportedCodeMemory();

    private readonly byte* _executable;

    /// <exception cref="OutOfMemoryException">The host refused executable memory.</exception>
    /// <exception cref="PlatformNotSupportedException">This host has no such mapping.</exception>
    public CodeMemory(int sizeBytes)
        : base(0, ownsHandle: true)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sizeBytes);
        SizeBytes = sizeBytes;
        s_host.Map((nuint)sizeBytes, out var writable, out _executable);
        SetHandle((nint)writable);
    }

    public override bool IsInvalid => handle == 0;

    public int SizeBytes { get; }

    /// <summary>The view to write code through.</summary>
    public byte* Writable => (byte*)handle;

    /// <summary>The view to execute code in; it may be read too.</summary>
    public byte* Executable => _executable;

    /// <summary>Says that a range of whole pages will be written soon.</summary>
    public void Prepare(int offset, int sizeBytes) => s_host.Prepare(Writable + offset, (nuint)sizeBytes);

    /// <summary>Says that a range of whole pages was written and is complete, but for patches now and then.</summary>
    public void Settle(int offset, int sizeBytes) => s_host.Settle(Writable + offset, (nuint)sizeBytes);

    protected override bool ReleaseHandle()
    {
        // SAFETY: both views are what Map returned; a SafeHandle releases once.
        s_host.Unmap((byte*)handle, (nuint)SizeBytes);
        s_host.Unmap(_executable, (nuint)SizeBytes);
        return true;
    }
}
