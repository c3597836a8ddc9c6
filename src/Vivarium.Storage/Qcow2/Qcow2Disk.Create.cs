namespace Vivarium.Storage;

/// <content>New images.</content>
public sealed partial class Qcow2Disk
{
    /// <summary>
    /// Creates a thin image of any size and opens it. <paramref name="sizeBytes"/> is rounded up to 512; null takes the backing file's.
    /// A backing file is opened too, so <paramref name="openOptions"/> must allow it.
    /// </summary>
    /// <exception cref="ArgumentException">No image can be like that.</exception>
    /// <exception cref="DiskImageException">The backing file is not allowed, or not usable.</exception>
    /// <exception cref="BlockIOException">The file exists or cannot be written.</exception>
    public static async ValueTask<Qcow2Disk> CreateAsync(string path, long? sizeBytes, Qcow2CreateOptions? options = null, DiskOptions? openOptions = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new Qcow2CreateOptions();
        openOptions ??= new DiskOptions();
        options.Validate();
        if (sizeBytes is null && options.BackingFile is null && openOptions.BackingDisk is null)
        {
            throw new ArgumentException("Give a size, or a backing file whose size to take.", nameof(sizeBytes));
        }

        var file = HostFile.Open(path, FileMode.CreateNew, isReadOnly: false, openOptions.BlocksCaller);
        try
        {
            if (sizeBytes is null)
            {
                sizeBytes = await SizeOfBackingAsync(path, options, openOptions).ConfigureAwait(false);
            }

            await WriteEmptyAsync(file, sizeBytes.Value, options).ConfigureAwait(false);
            return await OpenAsync(file, openOptions, BackingChain.Start(path)).ConfigureAwait(false);
        }
        catch
        {
            await file.DisposeAsync().ConfigureAwait(false);
            File.Delete(path);
            throw;
        }
    }

    /// <summary>Lays out an image: header, refcount table, its blocks, L1 table. All else are holes.</summary>
    internal static async ValueTask WriteEmptyAsync(IDiskFile file, long sizeBytes, Qcow2CreateOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeBytes);
        var clusterBytes = options.ClusterBytes;
        sizeBytes = sizeBytes > long.MaxValue - clusterBytes ? sizeBytes : (sizeBytes + 511) & -512L;
        var l1Entries = Qcow2Header.L1EntriesFor(sizeBytes, options.ClusterBits);
        if (l1Entries > Qcow2Header.MaxL1Bytes / 8)
        {
            throw new ArgumentException($"An image with clusters of {clusterBytes} bytes cannot have {sizeBytes} bytes; take larger clusters.", nameof(sizeBytes));
        }

        var width = new RefcountWidth(options.RefcountOrder);
        var perBlock = width.CountIn(clusterBytes);
        var l1Clusters = Math.Max(1, ((l1Entries * 8) + clusterBytes - 1) / clusterBytes);
        long blocks = 1;
        long tableClusters = 1;
        while (true)
        {
            var needed = (1 + tableClusters + blocks + l1Clusters + perBlock - 1) / perBlock;
            var tableNeeded = ((needed * 8) + clusterBytes - 1) / clusterBytes;
            if (needed <= blocks && tableNeeded <= tableClusters)
            {
                break;
            }

            (blocks, tableClusters) = (Math.Max(blocks, needed), Math.Max(tableClusters, tableNeeded));
        }

        var start = new byte[clusterBytes];
        var header = Qcow2Header.Write(start, options, options.BackingFile);
        header.SizeBytes = sizeBytes;
        header.RefcountTableOffset = clusterBytes;
        header.RefcountTableClusters = (int)tableClusters;
        var firstBlock = (1 + tableClusters) * clusterBytes;
        header.L1Offset = firstBlock + (blocks * clusterBytes);
        header.L1Entries = (int)Math.Max(1, l1Entries);
        header.CopyTo(start);

        var table = new ulong[blocks];
        var used = 1 + tableClusters + blocks + l1Clusters;
        var counts = new byte[blocks * clusterBytes];
        for (long i = 0; i < used; i++)
        {
            width.Set(counts.AsSpan((int)(i / perBlock) * clusterBytes, clusterBytes), (int)(i % perBlock), 1);
        }

        for (var i = 0; i < table.Length; i++)
        {
            table[i] = (ulong)(firstBlock + ((long)i * clusterBytes));
        }

        await file.SetLengthAsync(used * clusterBytes).ConfigureAwait(false);
        await file.WriteAsync(firstBlock, counts, CancellationToken.None).ConfigureAwait(false);
        await file.WriteAsync(clusterBytes, TableSectors.ToBytes(table, table.Length * 8L), CancellationToken.None).ConfigureAwait(false);
        await file.WriteAsync(0, start, CancellationToken.None).ConfigureAwait(false);
    }

    private static async ValueTask<long> SizeOfBackingAsync(string path, Qcow2CreateOptions options, DiskOptions openOptions)
    {
        if (openOptions.BackingDisk is { } given)
        {
            return given.SizeBytes;
        }

        var backing = await BackingChain.Start(path).OpenAsync(options.BackingFile!, options.BackingFormat, openOptions).ConfigureAwait(false);
        await using (backing.ConfigureAwait(false))
        {
            return backing.SizeBytes;
        }
    }
}
