using System.Runtime.InteropServices;

namespace Vivarium.Virtio;

/// <summary>What kind of thing a name stands for; the numbers are those of the mode's upper bits.</summary>
internal enum FileKind
{
    Folder = 0x4000,
    Regular = 0x8000,
    Symlink = 0xA000,
}

/// <summary>A time since 1970.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct HostTime(long Seconds, long Nanoseconds);

/// <summary>A file's attributes, out of Linux's <c>struct statx</c> of 256 bytes, which is the same on every processor.</summary>
internal readonly struct HostFileStatus(ReadOnlySpan<byte> statx)
{
    public const int Bytes = 256;

    public uint BlockBytes { get; } = U32(statx, 4);

    public uint LinkCount { get; } = U32(statx, 16);

    public uint UserId { get; } = U32(statx, 20);

    public uint GroupId { get; } = U32(statx, 24);

    public uint Mode { get; } = MemoryMarshal.Read<ushort>(statx[28..]);

    public ulong Inode { get; } = U64(statx, 32);

    public ulong SizeBytes { get; } = U64(statx, 40);

    public ulong Blocks { get; } = U64(statx, 48);

    public HostTime Accessed { get; } = Time(statx, 64);

    public HostTime Born { get; } = Time(statx, 80);

    public HostTime Changed { get; } = Time(statx, 96);

    public HostTime Modified { get; } = Time(statx, 112);

    public ulong DeviceNumber { get; } = Number(U32(statx, 128), U32(statx, 132));

    public ulong Device { get; } = Number(U32(statx, 136), U32(statx, 140));

    public FileKind Kind => (FileKind)(Mode & 0xF000);

    private static uint U32(ReadOnlySpan<byte> statx, int offset) => MemoryMarshal.Read<uint>(statx[offset..]);

    private static ulong U64(ReadOnlySpan<byte> statx, int offset) => MemoryMarshal.Read<ulong>(statx[offset..]);

    private static HostTime Time(ReadOnlySpan<byte> statx, int offset) => new((long)U64(statx, offset), U32(statx, offset + 8));

    /// <summary>As Linux's new_encode_dev puts it.</summary>
    private static ulong Number(uint major, uint minor) => (minor & 0xFF) | (major << 8) | ((minor & ~0xFFu) << 12);
}
