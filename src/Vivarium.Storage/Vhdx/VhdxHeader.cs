using System.Buffers.Binary;
using System.Numerics;

namespace Vivarium.Storage;

/// <summary>The headers, regions and metadata of a VHDX image, validated ([MS-VHDX] §2.2, §2.6).</summary>
internal sealed class VhdxHeader
{
    private const int HeaderBytes = 4096;
    private const int RegionTableBytes = 64 << 10;
    private const long Mebibyte = 1 << 20;
    private const long LargestDiskBytes = 64L << 40;

    private static readonly long[] s_headerOffsets = [64 << 10, 128 << 10];
    private static readonly long[] s_regionOffsets = [192 << 10, 256 << 10];
    private static readonly Guid s_bat = new("2DC27766-F623-4200-9D64-115E9BFD4A08");
    private static readonly Guid s_metadata = new("8B7CA206-4790-4B9A-B8FE-575F050F886E");
    private static readonly Guid s_fileParameters = new("CAA16737-FA36-4D43-B3B6-33F0AA44E76B");
    private static readonly Guid s_diskSize = new("2FA54224-CD1B-4876-B211-5DBED83BF4B8");
    private static readonly Guid s_sectorSize = new("8141BF1D-A96F-4709-BA47-F233A8FAAB5F");

    public long BatOffset { get; private set; }

    public long SizeBytes { get; private set; }

    public int BlockBytes { get; private set; }

    public int SectorBytes { get; private set; }

    /// <summary>After so many blocks the table has an entry that is no block's.</summary>
    public long ChunkRatio => (1L << 23) * SectorBytes / BlockBytes;

    public long BatIndexOf(long block) => block + (block / ChunkRatio);

    /// <exception cref="DiskImageException">This is no image, or one that cannot be used.</exception>
    public static async ValueTask<VhdxHeader> ReadAsync(IDiskFile file)
    {
        var signature = new byte[8];
        await file.ReadAsync(0, signature, CancellationToken.None).ConfigureAwait(false);
        Require(signature.AsSpan().SequenceEqual("vhdxfile"u8), "This is no VHDX image: its first bytes are others.");
        await ReadActiveHeaderAsync(file).ConfigureAwait(false);
        var regions = await ReadRegionsAsync(file).ConfigureAwait(false);
        var header = new VhdxHeader();
        await header.ReadMetadataAsync(file, regions.Metadata.Offset, regions.Metadata.Length).ConfigureAwait(false);
        header.BatOffset = regions.Bat.Offset;
        var blocks = (header.SizeBytes + header.BlockBytes - 1) / header.BlockBytes;
        Require(blocks == 0 || (header.BatIndexOf(blocks - 1) + 1) * 8 <= regions.Bat.Length, "The image is corrupt: its block table is too short for its size.");
        return header;
    }

    private static async ValueTask ReadActiveHeaderAsync(IDiskFile file)
    {
        var active = default(byte[]);
        foreach (var offset in s_headerOffsets)
        {
            var bytes = new byte[HeaderBytes];
            await file.ReadAsync(offset, bytes, CancellationToken.None).ConfigureAwait(false);
            var isNewer = active is null || BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(8)) > BinaryPrimitives.ReadUInt64LittleEndian(active.AsSpan(8));
            if (bytes.AsSpan(0, 4).SequenceEqual("head"u8) && HasChecksum(bytes) && isNewer)
            {
                active = bytes;
            }
        }

        Require(active is not null, "The image is corrupt: neither of its headers is whole.");
        Require(BinaryPrimitives.ReadUInt16LittleEndian(active.AsSpan(66)) == 1, "The image has a version of VHDX that is not known here.");
        Require(new Guid(active.AsSpan(48, 16)) == Guid.Empty, "The image was not closed: its log holds changes that are not in it yet. Open it once with the program that wrote it, or with 'qemu-img check -r all'.");
    }

    private static async ValueTask<((long Offset, long Length) Bat, (long Offset, long Length) Metadata)> ReadRegionsAsync(IDiskFile file)
    {
        foreach (var tableOffset in s_regionOffsets)
        {
            var bytes = new byte[RegionTableBytes];
            await file.ReadAsync(tableOffset, bytes, CancellationToken.None).ConfigureAwait(false);
            if (!bytes.AsSpan(0, 4).SequenceEqual("regi"u8) || !HasChecksum(bytes))
            {
                continue;
            }

            (long, long) bat = default;
            (long, long) metadata = default;
            var count = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(8));
            Require(count <= 2047, "The image is corrupt: it has too many regions.");
            for (var i = 0; i < count; i++)
            {
                var entry = bytes.AsSpan(16 + (i * 32), 32);
                var id = new Guid(entry[..16]);
                var offset = BinaryPrimitives.ReadUInt64LittleEndian(entry[16..]);
                var length = BinaryPrimitives.ReadUInt32LittleEndian(entry[24..]);
                var isIn = offset >= (ulong)Mebibyte && offset % (ulong)Mebibyte == 0 && offset < (ulong)file.LengthBytes && length <= file.LengthBytes - (long)offset;
                if (id == s_bat || id == s_metadata)
                {
                    Require(isIn, "The image is corrupt: a region lies outside the file.");
                    (id == s_bat ? ref bat : ref metadata) = ((long)offset, length);
                }
                else
                {
                    Require((entry[28] & 1) == 0, $"The image needs a region that is not known here ({id}).");
                }
            }

            Require(bat != default && metadata != default, "The image is corrupt: its block table or its metadata is missing.");
            return (bat, metadata);
        }

        throw new DiskImageException("The image is corrupt: neither of its region tables is whole.");
    }

    private async ValueTask ReadMetadataAsync(IDiskFile file, long offset, long length)
    {
        Require(length >= RegionTableBytes, "The image is corrupt: its metadata is too short.");
        var table = new byte[RegionTableBytes];
        await file.ReadAsync(offset, table, CancellationToken.None).ConfigureAwait(false);
        Require(table.AsSpan(0, 8).SequenceEqual("metadata"u8), "The image is corrupt: its metadata does not begin as it must.");
        var count = BinaryPrimitives.ReadUInt16LittleEndian(table.AsSpan(10));
        Require(count <= 2047, "The image is corrupt: it has too much metadata.");
        var flags = 0u;
        for (var i = 0; i < count; i++)
        {
            var entry = table.AsMemory(32 + (i * 32), 32);
            var id = new Guid(entry.Span[..16]);
            if (id != s_fileParameters && id != s_diskSize && id != s_sectorSize)
            {
                continue;
            }

            var itemOffset = BinaryPrimitives.ReadUInt32LittleEndian(entry.Span[16..]);
            Require(itemOffset >= RegionTableBytes && itemOffset <= length - 8, "The image is corrupt: an item of its metadata lies outside.");
            var item = new byte[8];
            await file.ReadAsync(offset + itemOffset, item, CancellationToken.None).ConfigureAwait(false);
            var low = BinaryPrimitives.ReadUInt32LittleEndian(item);
            if (id == s_fileParameters)
            {
                Require(low is >= 1 << 20 and <= 256 << 20 && BitOperations.IsPow2(low), $"The image is corrupt: its blocks have {low} bytes.");
                BlockBytes = (int)low;
                flags = BinaryPrimitives.ReadUInt32LittleEndian(item.AsSpan(4));
            }
            else if (id == s_diskSize)
            {
                var size = BinaryPrimitives.ReadUInt64LittleEndian(item);
                Require(size <= (ulong)LargestDiskBytes && size % 512 == 0, $"The image is corrupt: its disk has {size} bytes.");
                SizeBytes = (long)size;
            }
            else
            {
                Require(low is 512 or 4096, $"The image is corrupt: its sectors have {low} bytes.");
                SectorBytes = (int)low;
            }
        }

        Require(BlockBytes != 0 && SectorBytes != 0, "The image is corrupt: its metadata lacks what it must have.");
        Require((flags & 2) == 0, "The image is a differencing disk over a parent, which is not supported; merge it into its parent.");
    }

    /// <summary>CRC-32C over all but the checksum itself.</summary>
    private static bool HasChecksum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        for (var i = 0; i < bytes.Length; i += 4)
        {
            crc = BitOperations.Crc32C(crc, i == 4 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(bytes[i..]));
        }

        return ~crc == BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
    }

    private static void Require([System.Diagnostics.CodeAnalysis.DoesNotReturnIf(false)] bool condition, string message)
    {
        if (!condition)
        {
            throw new DiskImageException(message);
        }
    }
}
