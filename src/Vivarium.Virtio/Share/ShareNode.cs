using Microsoft.Win32.SafeHandles;

namespace Vivarium.Virtio;

/// <summary>
/// What a fid of the guest stands for: a descriptor of the host, which is closed when the last request that uses it is over. It never changes; a
/// fid that is opened gets another node.
/// </summary>
internal sealed class ShareNode(SafeFileHandle? file, FileKind kind, uint userId)
{
    private int _references = 1;

    /// <summary>Null if a restored state could not find it again.</summary>
    public SafeFileHandle? File { get; } = file;

    public FileKind Kind { get; } = kind;

    /// <summary>Whose name the guest attached in: new files are his, where the host can do that.</summary>
    public uint UserId { get; } = userId;

    /// <summary>How it was opened; null if it was not.</summary>
    public int? OpenFlags { get; init; }

    public bool CanRead => OpenFlags is { } flags && (flags & ShareNative.AccessMask) is ShareNative.ReadOnly or ShareNative.ReadWrite;

    public bool CanWrite => OpenFlags is { } flags && (flags & ShareNative.AccessMask) != ShareNative.ReadOnly;

    /// <summary>False if it is closed already.</summary>
    public bool TryAcquire()
    {
        while (true)
        {
            var references = Volatile.Read(ref _references);
            if (references == 0)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _references, references + 1, references) == references)
            {
                return true;
            }
        }
    }

    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            File?.Dispose();
        }
    }
}
