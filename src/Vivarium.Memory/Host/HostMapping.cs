using System.Runtime.InteropServices;

namespace Vivarium.Memory;

/// <summary>One host mapping, unmapped when disposed or, if forgotten, by the finalizer.</summary>
internal sealed unsafe class HostMapping : SafeHandle
{
    private static readonly IHostMemory s_host = OperatingSystem.IsWindows() ? new WindowsHostMemory() : new PosixHostMemory();

    private readonly nuint _sizeBytes;

    public HostMapping(nuint sizeBytes)
        : base(0, ownsHandle: true)
    {
        _sizeBytes = sizeBytes;
        SetHandle((nint)s_host.Reserve(sizeBytes));
    }

    public override bool IsInvalid => handle == 0;

    public byte* Address => (byte*)handle;

    public void Discard(nuint offset, nuint sizeBytes)
    {
        Check(offset, sizeBytes);

        // SAFETY: the range lies in this mapping, as just checked.
        s_host.Discard(Address + offset, sizeBytes);
    }

    public void Populate(nuint offset, nuint sizeBytes)
    {
        Check(offset, sizeBytes);

        // SAFETY: the range lies in this mapping, as just checked.
        s_host.Populate(Address + offset, sizeBytes);
    }

    protected override bool ReleaseHandle()
    {
        // SAFETY: the handle is what Reserve returned; a SafeHandle releases once.
        s_host.Release((byte*)handle, _sizeBytes);
        return true;
    }

    private void Check(nuint offset, nuint sizeBytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, _sizeBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sizeBytes, _sizeBytes - offset);
    }
}
