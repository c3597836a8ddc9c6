using System.Buffers.Binary;
using System.Numerics;
using Vivarium.Storage;

namespace Vivarium.Fuzzing.Tests;

/// <summary>VHDX images: the input is what matters of the headers and tables, checksums are put right, as each would hide what is behind it.</summary>
/// <param name="isBroken">Makes room for the block table as long as its region says.</param>
internal sealed class VhdxTarget(bool isBroken) : FuzzTarget
{
    private const int ImageBytes = 5 << 20;
    private readonly byte[] _image = new byte[ImageBytes];
    private static readonly (int At, int Bytes)[] s_parts = [(0, 8), (64 << 10, 80), (192 << 10, 80), (2 << 20, 160), ((2 << 20) + (64 << 10), 32), (3 << 20, 64)];

    public override IReadOnlyList<byte[]> Seeds { get; } = [MakeSeed(512, 4), MakeSeed(4096, 8)];

    public override int MaxInputBytes => s_parts.Sum(part => part.Bytes) + 4;

    public override void Execute(ReadOnlySpan<byte> input, Features reached)
    {
        // All else is zero and stays so: the disk is read only.
        var image = _image;
        var choices = new FuzzInput(input);
        foreach (var (at, bytes) in s_parts)
        {
            image.AsSpan(at, bytes).Clear();
            choices.Bytes(bytes).CopyTo(image.AsSpan(at));
        }

        Seal(image.AsSpan(64 << 10, 4096));
        Seal(image.AsSpan(192 << 10, 64 << 10));
        var imageBytes = choices.U32() is > 0 and < ImageBytes and var length ? (int)length : ImageBytes;
        ReadAsync(new ImageFile(image, imageBytes), reached).GetAwaiter().GetResult();
        if (isBroken && imageBytes > (192 << 10) + 64 && image.AsSpan(192 << 10, 4).SequenceEqual("regi"u8))
        {
            _ = new byte[BinaryPrimitives.ReadInt32LittleEndian(image.AsSpan((192 << 10) + 16 + 24)) & int.MaxValue >> 1];
        }
    }

    private static async Task ReadAsync(ImageFile image, Features reached)
    {
        try
        {
            await using var disk = await VhdxDisk.OpenAsync(image, new DiskOptions { IsReadOnly = true });
            foreach (var offset in (long[])[0, disk.SizeBytes / 2, Math.Max(0, disk.SizeBytes - 4096)])
            {
                await disk.ReadAsync(offset, [new byte[Math.Min(64 << 10, disk.SizeBytes - offset)]]);
                reached.Note(0, BitOperations.Log2((ulong)disk.SizeBytes + 1));
            }
        }
        catch (IOException refusal) when (refusal is DiskImageException or BlockIOException)
        {
            Assert.EndsWith(".", refusal.Message, StringComparison.Ordinal);
            reached.Note(refusal.Message);
        }
    }

    private static byte[] MakeSeed(int sectorBytes, int blocks)
    {
        var image = new byte[ImageBytes];
        "vhdxfile"u8.CopyTo(image);
        "head"u8.CopyTo(image.AsSpan(64 << 10));
        image[(64 << 10) + 66] = 1;
        var regions = image.AsSpan(192 << 10);
        "regi"u8.CopyTo(regions);
        regions[8] = 2;
        Region(regions[16..], "2DC27766-F623-4200-9D64-115E9BFD4A08", 3 << 20, 1 << 20);
        Region(regions[48..], "8B7CA206-4790-4B9A-B8FE-575F050F886E", 2 << 20, 1 << 20);
        var metadata = image.AsSpan(2 << 20);
        "metadata"u8.CopyTo(metadata);
        metadata[10] = 3;
        Item(metadata[32..], "CAA16737-FA36-4D43-B3B6-33F0AA44E76B", 64 << 10);
        Item(metadata[64..], "2FA54224-CD1B-4876-B211-5DBED83BF4B8", (64 << 10) + 8);
        Item(metadata[96..], "8141BF1D-A96F-4709-BA47-F233A8FAAB5F", (64 << 10) + 16);
        var items = metadata[(64 << 10)..];
        BinaryPrimitives.WriteInt32LittleEndian(items, 1 << 20);
        BinaryPrimitives.WriteInt64LittleEndian(items[8..], (long)blocks << 20);
        BinaryPrimitives.WriteInt32LittleEndian(items[16..], sectorBytes);
        BinaryPrimitives.WriteInt64LittleEndian(image.AsSpan(3 << 20), (4L << 20) | 6);
        return [.. s_parts.SelectMany(part => image[part.At..(part.At + part.Bytes)])];
    }

    private static void Region(Span<byte> entry, string id, long offset, int length)
    {
        new Guid(id).TryWriteBytes(entry);
        BinaryPrimitives.WriteInt64LittleEndian(entry[16..], offset);
        BinaryPrimitives.WriteInt32LittleEndian(entry[24..], length);
        entry[28] = 1;
    }

    private static void Item(Span<byte> entry, string id, int offset)
    {
        new Guid(id).TryWriteBytes(entry);
        BinaryPrimitives.WriteInt32LittleEndian(entry[16..], offset);
        BinaryPrimitives.WriteInt32LittleEndian(entry[20..], 8);
    }

    private static void Seal(Span<byte> bytes)
    {
        var crc = uint.MaxValue;
        bytes[4..8].Clear();
        for (var i = 0; i < bytes.Length; i += 4)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt32LittleEndian(bytes[i..]));
        }

        BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], ~crc);
    }
}
