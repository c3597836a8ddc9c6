using System.Buffers.Binary;
using System.Text;

namespace Vivarium.Storage;

/// <summary>The table of internal snapshots (QEMU docs/interop/qcow2.rst, "Snapshots"). They are kept, never made or deleted here.</summary>
internal sealed record Qcow2Snapshot(long L1Offset, int L1Entries, string Id, string Name)
{
    private const int FixedBytes = 40;
    private const long MostBytes = 64 << 20;

    /// <summary>Reads all, and tells how long the table is.</summary>
    /// <exception cref="DiskImageException">The table is corrupt.</exception>
    public static async ValueTask<(List<Qcow2Snapshot> Snapshots, long TableBytes)> ReadAllAsync(IDiskFile file, Qcow2Header header)
    {
        var snapshots = new List<Qcow2Snapshot>();
        var position = header.SnapshotsOffset;
        var fixedPart = new byte[FixedBytes];
        for (var i = 0; i < header.SnapshotCount; i++)
        {
            await file.ReadAsync(position, fixedPart, CancellationToken.None).ConfigureAwait(false);
            var idBytes = BinaryPrimitives.ReadUInt16BigEndian(fixedPart.AsSpan(12));
            var nameBytes = BinaryPrimitives.ReadUInt16BigEndian(fixedPart.AsSpan(14));
            var extraBytes = BinaryPrimitives.ReadUInt32BigEndian(fixedPart.AsSpan(36));
            var l1Offset = (long)BinaryPrimitives.ReadUInt64BigEndian(fixedPart);
            var l1Entries = BinaryPrimitives.ReadUInt32BigEndian(fixedPart.AsSpan(8));
            Require(extraBytes <= 1024, i);
            Require(l1Entries <= Qcow2Header.MaxL1Bytes / 8 && l1Offset >= 0 && l1Offset % header.ClusterBytes == 0, i);
            Require(l1Entries == 0 || (l1Offset < file.LengthBytes && l1Entries * 8L <= file.LengthBytes - l1Offset + header.ClusterBytes), i);
            var text = new byte[idBytes + nameBytes];
            await file.ReadAsync(position + FixedBytes + extraBytes, text, CancellationToken.None).ConfigureAwait(false);
            snapshots.Add(new Qcow2Snapshot(l1Offset, (int)l1Entries, Encoding.UTF8.GetString(text, 0, idBytes), Encoding.UTF8.GetString(text, idBytes, nameBytes)));
            position += (FixedBytes + extraBytes + idBytes + nameBytes + 7) & ~7L;
            Require(position - header.SnapshotsOffset <= MostBytes && position <= file.LengthBytes + header.ClusterBytes, i);
        }

        return (snapshots, position - header.SnapshotsOffset);
    }

    private static void Require(bool condition, int index)
    {
        if (!condition)
        {
            throw new DiskImageException($"The image is corrupt: its internal snapshot {index} cannot be.");
        }
    }
}
