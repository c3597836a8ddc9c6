using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Vivarium.Virtio;

/// <summary>
/// The host's folder behind a share, Linux only. Everything is reached from the descriptor of the root by one name at a time, and no symbolic link
/// is ever followed, so that no name leads out, whatever the guest makes of its names and links. Returns error numbers, 0 if it went well. Any thread.
/// </summary>
internal sealed unsafe class HostFolder : IDisposable
{
    private const uint ModeMask = 0x3FF;
    private const int PathBytes = 4096;

    private readonly SafeFileHandle _root;
    private readonly uint _userId = ShareNative.EffectiveUser();
    private readonly uint _groupId = ShareNative.EffectiveGroup();

    /// <exception cref="PlatformNotSupportedException">The host is not 64-bit Linux.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder, or it may not be opened.</exception>
    public HostFolder(string path)
    {
        if (!OperatingSystem.IsLinux() || !Environment.Is64BitProcess)
        {
            throw new PlatformNotSupportedException("Folders are shared with guests on 64-bit Linux hosts only.");
        }

        fixed (byte* name = CString(Encoding.UTF8.GetBytes(Path.GetFullPath(path))))
        {
            _root = ShareNative.OpenAt(ShareNative.CurrentFolder, name, ShareNative.PathOnly | ShareNative.Folder | ShareNative.CloseOnExec, 0);
        }

        if (_root.IsInvalid || GetStatus(_root, out var status) != Errno.None)
        {
            throw new DirectoryNotFoundException($"The folder '{path}' cannot be shared: error {Marshal.GetLastPInvokeError()} of the host. It must exist and be accessible.");
        }

        Device = status.Device;
    }

    /// <summary>The device of the root.</summary>
    public ulong Device { get; }

    /// <summary>Whether the host may give files to others. Without that, all files are the host user's, and the guest sees them as root's.</summary>
    public bool CanGiveAway => _userId == 0;

    public void Dispose() => _root.Dispose();

    public uint ShownUser(uint userId) => !CanGiveAway && userId == _userId ? 0 : userId;

    public uint ShownGroup(uint groupId) => !CanGiveAway && groupId == _groupId ? 0 : groupId;

    public int OpenRoot(out SafeFileHandle file) => Duplicate(_root, out file);

    public static int Duplicate(SafeFileHandle file, out SafeFileHandle copy) => Check(copy = ShareNative.Duplicate(file, ShareNative.DuplicateCloseOnExec, 0));

    /// <summary>The thing that a name stands for, without following or opening it.</summary>
    public static int Find(SafeFileHandle folder, byte[] name, out SafeFileHandle file)
    {
        // SAFETY: a name ends with a zero, as CString made it; so for all calls below.
        fixed (byte* text = name)
        {
            return Check(file = ShareNative.OpenAt(folder, text, ShareNative.PathOnly | ShareNative.NoFollow | ShareNative.CloseOnExec, 0));
        }
    }

    public static int GetStatus(SafeFileHandle file, out HostFileStatus status)
    {
        var raw = stackalloc byte[HostFileStatus.Bytes];
        byte empty = 0;
        var error = Check(ShareNative.Status(file, &empty, ShareNative.EmptyPath, ShareNative.StatxAll, raw));
        status = error == Errno.None ? new HostFileStatus(new ReadOnlySpan<byte>(raw, HostFileStatus.Bytes)) : default;
        return error;
    }

    /// <summary>Opens the very file that <paramref name="file"/> stands for. Only folders and regular files: others could block the host.</summary>
    public static int Open(SafeFileHandle file, int flags, out SafeFileHandle opened)
    {
        opened = new SafeFileHandle();
        var error = GetStatus(file, out var status);
        if (error != Errno.None || status.Kind is not (FileKind.Folder or FileKind.Regular))
        {
            return error != Errno.None ? error : Errno.NotPermitted;
        }

        flags |= ShareNative.NonBlocking | ShareNative.CloseOnExec | (status.Kind == FileKind.Folder ? ShareNative.Folder : 0);
        fixed (byte* path = ProcPath(file))
        {
            return Check(opened = ShareNative.OpenAt(ShareNative.CurrentFolder, path, flags, 0));
        }
    }

    /// <summary>Creates a file, or opens one that is there.</summary>
    public int Create(SafeFileHandle folder, byte[] name, int flags, uint mode, uint userId, uint groupId, out SafeFileHandle file)
    {
        int error;
        fixed (byte* text = name)
        {
            // With O_EXCL the last name is never followed.
            error = Check(file = ShareNative.OpenAt(
                folder, text, (flags & ~ShareNative.Truncate) | ShareNative.Create | ShareNative.Exclusive | ShareNative.CloseOnExec, mode & ModeMask));
        }

        if (error == Errno.None)
        {
            return SetUp(file, mode, userId, groupId);
        }

        if (error != Errno.Exists || (flags & ShareNative.Exclusive) != 0)
        {
            return error;
        }

        error = Find(folder, name, out var there);
        using (there)
        {
            return error != Errno.None ? error : Open(there, flags, out file);
        }
    }

    public int MakeFolder(SafeFileHandle folder, byte[] name, uint mode, uint userId, uint groupId)
    {
        int error;
        fixed (byte* text = name)
        {
            error = Check(ShareNative.MakeFolderAt(folder, text, mode & ModeMask));
        }

        return error == Errno.None ? SetUp(folder, name, mode, userId, groupId) : error;
    }

    public int MakeSymlink(SafeFileHandle folder, byte[] name, byte[] target, uint userId, uint groupId)
    {
        int error;
        fixed (byte* text = name, to = target)
        {
            error = Check(ShareNative.SymlinkAt(to, folder, text));
        }

        return error == Errno.None && CanGiveAway ? SetUp(folder, name, null, userId, groupId) : error;
    }

    public static int Link(SafeFileHandle file, SafeFileHandle folder, byte[] name)
    {
        fixed (byte* path = ProcPath(file), text = name)
        {
            return Check(ShareNative.LinkAt(ShareNative.CurrentFolder, path, folder, text, ShareNative.FollowSymlink));
        }
    }

    public static int Unlink(SafeFileHandle folder, byte[] name, bool isFolder)
    {
        fixed (byte* text = name)
        {
            return Check(ShareNative.UnlinkAt(folder, text, isFolder ? ShareNative.RemoveFolder : 0));
        }
    }

    public static int Rename(SafeFileHandle oldFolder, byte[] oldName, SafeFileHandle newFolder, byte[] newName)
    {
        fixed (byte* from = oldName, to = newName)
        {
            return Check(ShareNative.RenameAt(oldFolder, from, newFolder, to));
        }
    }

    public static int ReadLink(SafeFileHandle link, Span<byte> target, out int length)
    {
        byte empty = 0;
        fixed (byte* buffer = target)
        {
            length = (int)ShareNative.ReadLinkAt(link, &empty, buffer, (nuint)target.Length);
            return Check(length);
        }
    }

    /// <summary>Bits that give a file its owner's rights are not set: what a guest leaves behind must not gain rights on the host.</summary>
    public static int SetMode(SafeFileHandle file, uint mode)
    {
        fixed (byte* path = ProcPath(file))
        {
            return Check(ShareNative.ChangeMode(path, mode & ModeMask));
        }
    }

    /// <summary>Changes owner and group; 2^32 - 1 leaves one as it is.</summary>
    public int SetOwner(SafeFileHandle file, uint userId, uint groupId)
    {
        if (!CanGiveAway)
        {
            userId = userId == 0 ? uint.MaxValue : userId;
            groupId = groupId == 0 ? uint.MaxValue : groupId;
        }

        byte empty = 0;
        return (userId & groupId) == uint.MaxValue ? Errno.None : Check(ShareNative.ChangeOwner(file, &empty, userId, groupId, ShareNative.EmptyPath));
    }

    public static int SetSize(SafeFileHandle file, long sizeBytes)
    {
        var error = GetStatus(file, out var status);
        if (error != Errno.None || status.Kind != FileKind.Regular)
        {
            return error != Errno.None ? error : status.Kind == FileKind.Folder ? Errno.IsFolder : Errno.Invalid;
        }

        fixed (byte* path = ProcPath(file))
        {
            return Check(ShareNative.SetSize(path, sizeBytes));
        }
    }

    public static int SetTimes(SafeFileHandle file, HostTime accessed, HostTime modified)
    {
        var times = stackalloc HostTime[2] { accessed, modified };
        fixed (byte* path = ProcPath(file))
        {
            return Check(ShareNative.SetTimes(ShareNative.CurrentFolder, path, times, 0));
        }
    }

    public static int Sync(SafeFileHandle file, bool onlyData) => Check(onlyData ? ShareNative.SyncData(file) : ShareNative.Sync(file));

    /// <summary>Fills in the 15 words of a <c>struct statfs</c> of 64-bit Linux.</summary>
    public static int StatFileSystem(SafeFileHandle file, Span<long> words)
    {
        fixed (long* raw = words)
        {
            return Check(ShareNative.StatFileSystem(file, raw));
        }
    }

    /// <summary>Reads entries of an open folder as <c>struct linux_dirent64</c>, from the place that an entry's offset names.</summary>
    public static int ReadEntries(SafeFileHandle folder, ulong offset, Span<byte> buffer, out int length)
    {
        length = 0;
        if (ShareNative.Seek(folder, (long)offset, 0) < 0)
        {
            return Marshal.GetLastPInvokeError();
        }

        fixed (byte* bytes = buffer)
        {
            length = (int)ShareNative.ReadFolder(folder, bytes, (nuint)buffer.Length);
            return Check(length);
        }
    }

    /// <summary>Where a file is now, as names below the root, zero-terminated; null if it is not there any more.</summary>
    public List<byte[]>? Locate(SafeFileHandle file)
    {
        var root = PathOf(_root);
        var path = PathOf(file);
        if (root is null || path is null || !path.AsSpan().StartsWith(root))
        {
            return null;
        }

        var below = path.AsSpan(root.Length == 1 ? 0 : root.Length);
        if (!below.IsEmpty && below[0] != (byte)'/')
        {
            return null;
        }

        var names = new List<byte[]>();
        foreach (var part in below.Split((byte)'/'))
        {
            if (below[part] is { IsEmpty: false } name)
            {
                names.Add(CString(name));
            }
        }

        return names;
    }

    public static byte[] CString(ReadOnlySpan<byte> text) => [.. text, 0];

    private static byte[]? PathOf(SafeFileHandle file)
    {
        var buffer = new byte[PathBytes];
        fixed (byte* link = ProcPath(file), bytes = buffer)
        {
            var length = (int)ShareNative.ReadLink(link, bytes, PathBytes);
            return length > 0 && length < PathBytes ? buffer[..length] : null;
        }
    }

    /// <summary>A name that stands for the open file itself, whatever became of its path.</summary>
    private static byte[] ProcPath(SafeFileHandle file) =>
        CString(Encoding.ASCII.GetBytes(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"/proc/self/fd/{file.DangerousGetHandle()}")));

    private int SetUp(SafeFileHandle folder, byte[] name, uint? mode, uint userId, uint groupId)
    {
        var error = Find(folder, name, out var file);
        using (file)
        {
            return error != Errno.None ? error : SetUp(file, mode, userId, groupId);
        }
    }

    /// <summary>The mode is the guest's own, whatever the host's process would mask out; and so is the owner where the host can do that.</summary>
    private int SetUp(SafeFileHandle file, uint? mode, uint userId, uint groupId)
    {
        var error = CanGiveAway ? SetOwner(file, userId, groupId) : Errno.None;
        return error == Errno.None && mode is { } bits ? SetMode(file, bits) : error;
    }

    private static int Check(nint result) => result < 0 ? Marshal.GetLastPInvokeError() : Errno.None;

    private static int Check(SafeFileHandle file) => file.IsInvalid ? Marshal.GetLastPInvokeError() : Errno.None;
}
