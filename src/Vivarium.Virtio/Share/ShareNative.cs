using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Vivarium.Virtio;

/// <summary>Linux's calls on files by descriptor. Names are bytes that end with a zero. Most return -1 and leave an error number.</summary>
internal static unsafe partial class ShareNative
{
    public const int CurrentFolder = -100;
    public const int EmptyPath = 0x1000;
    public const int RemoveFolder = 0x200;
    public const int FollowSymlink = 0x400;
    public const int StatxAll = 0xFFF;
    public const int DuplicateCloseOnExec = 1030;

    public const int ReadOnly = 0;
    public const int ReadWrite = 2;
    public const int AccessMask = 3;
    public const int Create = 0x40;
    public const int Exclusive = 0x80;
    public const int Truncate = 0x200;
    public const int NonBlocking = 0x800;
    public const int DataSync = 0x1000;
    public const int FullSync = 0x101000;
    public const int CloseOnExec = 0x80000;
    public const int PathOnly = 0x200000;

    /// <summary>Two flags that differ between processors.</summary>
    public static int NoFollow => IsArm ? 0x8000 : 0x20000;

    public static int Folder => IsArm ? 0x4000 : 0x10000;

    private static bool IsArm => RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true)]
    public static partial SafeFileHandle OpenAt(SafeFileHandle folder, byte* name, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true)]
    public static partial SafeFileHandle OpenAt(int folder, byte* path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    public static partial int Status(SafeFileHandle file, byte* path, int flags, uint mask, byte* status);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true)]
    public static partial int MakeFolderAt(SafeFileHandle folder, byte* name, uint mode);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true)]
    public static partial int UnlinkAt(SafeFileHandle folder, byte* name, int flags);

    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true)]
    public static partial int RenameAt(SafeFileHandle oldFolder, byte* oldName, SafeFileHandle newFolder, byte* newName);

    [LibraryImport("libc", EntryPoint = "symlinkat", SetLastError = true)]
    public static partial int SymlinkAt(byte* target, SafeFileHandle folder, byte* name);

    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true)]
    public static partial int LinkAt(int oldFolder, byte* oldPath, SafeFileHandle newFolder, byte* newName, int flags);

    [LibraryImport("libc", EntryPoint = "readlinkat", SetLastError = true)]
    public static partial nint ReadLinkAt(SafeFileHandle link, byte* path, byte* buffer, nuint bytes);

    [LibraryImport("libc", EntryPoint = "readlink", SetLastError = true)]
    public static partial nint ReadLink(byte* path, byte* buffer, nuint bytes);

    [LibraryImport("libc", EntryPoint = "chmod", SetLastError = true)]
    public static partial int ChangeMode(byte* path, uint mode);

    [LibraryImport("libc", EntryPoint = "fchownat", SetLastError = true)]
    public static partial int ChangeOwner(SafeFileHandle file, byte* path, uint user, uint group, int flags);

    [LibraryImport("libc", EntryPoint = "truncate", SetLastError = true)]
    public static partial int SetSize(byte* path, long sizeBytes);

    [LibraryImport("libc", EntryPoint = "utimensat", SetLastError = true)]
    public static partial int SetTimes(int folder, byte* path, HostTime* times, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int Sync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    public static partial int SyncData(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fstatfs", SetLastError = true)]
    public static partial int StatFileSystem(SafeFileHandle file, long* status);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    public static partial long Seek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "getdents64", SetLastError = true)]
    public static partial nint ReadFolder(SafeFileHandle folder, byte* buffer, nuint bytes);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial SafeFileHandle Duplicate(SafeFileHandle file, int command, int lowest);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "getegid")]
    public static partial uint EffectiveGroup();
}
