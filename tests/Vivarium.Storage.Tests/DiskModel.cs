namespace Vivarium.Storage.Tests;

/// <summary>A disk beside the bytes that it should have: random requests go to both.</summary>
internal sealed class DiskModel(IBlockBackend disk, byte[] bytes, Random random)
{
    public IBlockBackend Disk { get; set; } = disk;

    public byte[] Bytes { get; set; } = bytes;

    /// <summary>What was changed since the last flush.</summary>
    public HashSet<int> ChangedSectors { get; } = [];

    public async Task StepAsync(int largestBytes)
    {
        var (offset, length) = PickRange(largestBytes);
        switch (random.Next(20))
        {
            case < 10:
                await WriteAsync(offset, length);
                break;
            case < 14:
                await AssertReadsAsync(offset, length);
                break;
            case < 16:
                Change(offset, length).Clear();
                await Disk.WriteZeroesAsync(offset, length, mayUnmap: random.Next(2) == 0);
                break;
            case < 18:
                (offset, length) = PickRange(largestBytes * 4);
                _ = Change(offset, length);
                await Disk.DiscardAsync(offset, length);
                await AdoptAsync(offset, length);
                break;
            default:
                await Disk.FlushAsync();
                ChangedSectors.Clear();
                break;
        }
    }

    public async Task WriteAsync(int offset, int length)
    {
        var data = new byte[length];
        random.NextBytes(data);
        data.CopyTo(Change(offset, length));
        await Disk.WriteAsync(offset, Split(data).ConvertAll(part => (ReadOnlyMemory<byte>)part));
    }

    public async Task AssertReadsAsync(int offset, int length)
    {
        var data = new byte[length];
        data.AsSpan().Fill(0xEE);
        await Disk.ReadAsync(offset, Split(data));
        var same = data.AsSpan().CommonPrefixLength(Bytes.AsSpan(offset, length));
        Assert.True(same == length, $"The {length} bytes at {offset} differ at {offset + same}.");
    }

    public async Task GrowAsync(int bytes)
    {
        var old = Bytes.Length;
        Bytes = [.. Bytes, .. new byte[bytes]];
        _ = Change(old, bytes);
        await Disk.ResizeAsync(Bytes.Length);
    }

    public Task AssertReadsAllAsync() => AssertReadsAsync(0, Bytes.Length);

    public (int Offset, int Length) PickRange(int largestBytes)
    {
        var offset = random.Next(Bytes.Length);
        var length = random.Next(1, Math.Min(largestBytes, Bytes.Length - offset) + 1);
        return random.Next(3) switch
        {
            0 => (offset, length),
            1 => (offset & -512, Math.Min((length + 511) & -512, Bytes.Length - (offset & -512))),
            _ => (offset & -4096, Math.Min((length + 4095) & -4096, Bytes.Length - (offset & -4096))),
        };
    }

    public static async Task<byte[]> ReadAllAsync(IBlockBackend disk)
    {
        var content = new byte[disk.SizeBytes];
        await disk.ReadAsync(0, [content]);
        return content;
    }

    /// <summary>Discarded bytes are zeros or what they were, the disk's choice.</summary>
    private async Task AdoptAsync(int offset, int length)
    {
        var now = new byte[length];
        await Disk.ReadAsync(offset, [now]);
        var model = Change(offset, length);
        for (var i = 0; i < length; i++)
        {
            if (now[i] != 0 && now[i] != model[i])
            {
                Assert.Fail($"The discarded byte {offset + i} has become {now[i]}.");
            }
        }

        now.CopyTo(model);
    }

    private Span<byte> Change(int offset, int length)
    {
        for (var sector = offset / 512; sector * 512 < offset + length; sector++)
        {
            ChangedSectors.Add(sector);
        }

        return Bytes.AsSpan(offset, length);
    }

    private List<Memory<byte>> Split(byte[] data)
    {
        var parts = new List<Memory<byte>>();
        for (var start = 0; start < data.Length;)
        {
            var length = random.Next(3) == 0 ? random.Next(1, data.Length - start + 1) : data.Length - start;
            parts.Add(data.AsMemory(start, length));
            start += length;
        }

        return parts;
    }
}
