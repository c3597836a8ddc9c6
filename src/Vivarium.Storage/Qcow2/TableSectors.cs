using System.Buffers.Binary;

namespace Vivarium.Storage;

/// <summary>Writes the changed sectors of a table that is wholly in memory.</summary>
internal static class TableSectors
{
    public const int EntriesPerSector = Qcow2Header.SectorBytes / 8;

    /// <summary>Each sector leaves <paramref name="dirty"/> when it is written; after a failure the rest are still there.</summary>
    public static async ValueTask WriteAsync(IDiskFile file, long tableOffset, ulong[] table, HashSet<int> dirty)
    {
        var bytes = new byte[Qcow2Header.SectorBytes];
        foreach (var sector in dirty.Order().ToArray())
        {
            var first = sector * EntriesPerSector;
            var count = Math.Min(EntriesPerSector, table.Length - first);
            for (var i = 0; i < count; i++)
            {
                BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(i * 8), table[first + i]);
            }

            await file.WriteAsync(tableOffset + (first * 8L), bytes.AsMemory(0, count * 8), CancellationToken.None).ConfigureAwait(false);
            dirty.Remove(sector);
        }
    }

    /// <summary>A whole table as it stands in the file, filled up with zeros.</summary>
    public static byte[] ToBytes(ulong[] table, long lengthBytes)
    {
        var bytes = new byte[lengthBytes];
        for (var i = 0; i < table.Length; i++)
        {
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(i * 8), table[i]);
        }

        return bytes;
    }
}
