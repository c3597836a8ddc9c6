using System.Buffers.Binary;
using Vivarium.Storage;
using Vivarium.Storage.Tests;

namespace Vivarium.Fuzzing.Tests;

/// <summary>qcow2 images: checked, repaired, opened, read and written.</summary>
/// <param name="isBroken">Follows the tables to data without looking where it is.</param>
internal sealed class Qcow2Target(bool isBroken) : FuzzTarget
{
    private const int MaxRequestBytes = 64 << 10;

    public override IReadOnlyList<byte[]> Seeds { get; } = [.. MakeSeeds().GetAwaiter().GetResult()];

    public override int MaxInputBytes => 64 << 10;

    public override IReadOnlyList<byte[]> Words { get; } = [[0x51, 0x46, 0x49, 0xFB], [0x80, 0, 0, 0, 0, 0, 2, 0], [0xC0, 0, 0, 0, 0, 0, 2, 0], [0x68, 0x03, 0xF8, 0x57], [0xE2, 0x79, 0x2A, 0xCA]];

    public override void Execute(ReadOnlySpan<byte> input, Features reached)
    {
        var image = input.ToArray();
        UseAsync(image, reached).GetAwaiter().GetResult();
        if (isBroken)
        {
            FollowBroken(image);
        }
    }

    private static async Task UseAsync(byte[] image, Features reached)
    {
        // The pieces of the input that decide what is done are bytes that an image does not use otherwise.
        var choice = image.Length == 0 ? 0 : image[^1];
        try
        {
            var result = await Qcow2Check.RunAsync(new ImageFile(image[..], image.Length), (Qcow2Repair)(choice % 3), null, CancellationToken.None);
            reached.Note(0, (result.Corruptions > 0 ? 1 : 0) | (result.LeakedClusters > 0 ? 2 : 0) | (result.CompressedClusters > 0 ? 4 : 0));
        }
        catch (IOException refusal) when (refusal is DiskImageException or BlockIOException)
        {
            reached.Note(refusal.Message);
        }

        try
        {
            await using var disk = await Qcow2Disk.OpenAsync(new ImageFile(image[..], image.Length), new DiskOptions { IsReadOnly = choice >= 0xC0 }, BackingChain.Start("x"));
            foreach (var offset in (long[])[0, 4096, 100_000, disk.SizeBytes / 2, Math.Max(0, disk.SizeBytes - 4096)])
            {
                if (offset > disk.SizeBytes)
                {
                    continue;
                }

                await AttemptAsync(() => disk.ReadAsync(offset, [new byte[Clamp(disk, offset)]]), reached);
                await AttemptAsync(() => disk.WriteAsync(offset, [new byte[Clamp(disk, offset)]]), reached);
                await AttemptAsync(() => disk.DiscardAsync(offset, Clamp(disk, offset)), reached);
                await AttemptAsync(() => disk.WriteZeroesAsync(offset, Clamp(disk, offset), mayUnmap: true), reached);
            }

            await AttemptAsync(() => disk.FlushAsync(), reached);
        }
        catch (IOException refusal) when (refusal is DiskImageException or BlockIOException)
        {
            reached.Note(refusal.Message);
        }
    }

    private static int Clamp(Qcow2Disk disk, long offset) => (int)Math.Min(MaxRequestBytes, disk.SizeBytes - offset);

    private static async Task AttemptAsync(Func<ValueTask> request, Features reached)
    {
        try
        {
            await request();
            reached.Note(1, 0);
        }
        catch (BlockIOException failure)
        {
            reached.Note(failure.Message);
        }
    }

    private static void FollowBroken(byte[] image)
    {
        if (image.Length < 104 || BinaryPrimitives.ReadUInt32BigEndian(image) != 0x514649FB || image[7] != 3)
        {
            return;
        }

        var table = (int)BinaryPrimitives.ReadInt64BigEndian(image.AsSpan(40));
        var first = BinaryPrimitives.ReadUInt64BigEndian(image.AsSpan(table)) & 0x00FF_FFFF_FFFF_FE00;
        if (first != 0)
        {
            _ = image[checked((int)first)];
        }
    }

    private static async Task<List<byte[]>> MakeSeeds()
    {
        var seeds = new List<byte[]>();
        foreach (var clusterBytes in (int[])[512, 4096])
        {
            var file = new RecordingFile([]);
            await Qcow2Disk.WriteEmptyAsync(file, 256 << 10, new Qcow2CreateOptions { ClusterBytes = clusterBytes });
            seeds.Add(file.Content);
            var disk = await Qcow2Disk.OpenAsync(file, new DiskOptions(), BackingChain.Start("x"));
            await disk.WriteAsync(0, [Enumerable.Range(0, 6000).Select(i => (byte)i).ToArray()]);
            await disk.WriteAsync(130_000, [new byte[] { 1, 2, 3 }]);
            await disk.WriteZeroesAsync(8192, 4096, mayUnmap: false);
            await disk.DisposeAsync();
            seeds.Add(file.Content);
        }

        return seeds;
    }
}
