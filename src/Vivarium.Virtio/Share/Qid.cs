namespace Vivarium.Virtio;

/// <summary>What identifies a file: its kind, a number that changes with its content, and its inode.</summary>
internal readonly record struct Qid(byte Kind, uint Version, ulong Path)
{
    private const byte Folder = 0x80;
    private const byte Symlink = 0x02;

    public static Qid From(in HostFileStatus status, ulong rootDevice)
    {
        // Inodes are unique in their file system; one mounted below the share is told apart by its device.
        var device = status.Device == rootDevice ? 0 : (status.Device + 1) * 0x9E37_79B9_7F4A_7C15;
        var version = (uint)status.Modified.Nanoseconds ^ (uint)status.Modified.Seconds ^ ((uint)status.SizeBytes << 8);
        return new Qid(KindOf(status.Kind), version, status.Inode ^ device);
    }

    public static byte KindOf(FileKind kind) => kind switch
    {
        FileKind.Folder => Folder,
        FileKind.Symlink => Symlink,
        _ => 0,
    };
}
