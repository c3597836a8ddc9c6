namespace Vivarium.Storage;

/// <content>From guest offsets to places in the file.</content>
public sealed partial class Qcow2Disk
{
    private enum ClusterKind
    {
        /// <summary>Not here: the backing file's, or zeros.</summary>
        Unallocated,
        Zero,
        Data,
        Compressed,
    }

    async ValueTask<DiskExtent> IExtentSource.FindExtentAsync(long offsetBytes, CancellationToken cancellationToken)
    {
        var extent = await MapAsync(offsetBytes, SizeBytes - offsetBytes).ConfigureAwait(false);
        if (extent.Kind != ClusterKind.Unallocated)
        {
            return new DiskExtent(extent.Kind == ClusterKind.Zero, IsOwn: true, extent.LengthBytes);
        }

        if (!IsBackedAt(offsetBytes))
        {
            return new DiskExtent(IsZero: true, IsOwn: false, extent.LengthBytes);
        }

        var below = _backing is IExtentSource source
            ? await source.FindExtentAsync(offsetBytes, cancellationToken).ConfigureAwait(false)
            : new DiskExtent(IsZero: false, IsOwn: false, _backing!.SizeBytes - offsetBytes);
        return new DiskExtent(below.IsZero, IsOwn: false, Math.Min(Math.Min(below.LengthBytes, _backing!.SizeBytes - offsetBytes), extent.LengthBytes));
    }

    /// <summary>What is at a guest offset, and for how many bytes it goes on, at most so many.</summary>
    private ValueTask<Extent> MapAsync(long offset, long length)
    {
        var l1 = Volatile.Read(ref _l1);
        var l1Index = offset >> (_clusterBits + _l2Bits);
        var table = l1Index < l1.Length ? Qcow2Entry.OffsetOf(l1[l1Index]) : 0;
        if (table == 0)
        {
            var perTable = 1L << (_clusterBits + _l2Bits);
            return new ValueTask<Extent>(new Extent(ClusterKind.Unallocated, false, 0, 0, Math.Min(length, perTable - (offset & (perTable - 1)))));
        }

        CheckTable(table);
        var index = L2Index(offset);
        return _l2.TryGet(SliceOf(table, index), out var slice)
            ? new ValueTask<Extent>(Decode(slice, index, offset, length))
            : LoadAndDecodeAsync(table, index, offset, length);
    }

    private async ValueTask<Extent> LoadAndDecodeAsync(long table, int index, long offset, long length) =>
        Decode(await _l2.GetAsync(SliceOf(table, index)).ConfigureAwait(false), index, offset, length);

    private int L2Index(long offset) => (int)(offset >> _clusterBits) & ((1 << _l2Bits) - 1);

    private long SliceOf(long table, int index) => table + ((index * 8L) & -(long)_l2.SliceBytes);

    private int InSlice(int index) => index & ((_l2.SliceBytes / 8) - 1);

    private void CheckTable(long table)
    {
        if ((table & (_clusterBytes - 1)) != 0 || table >= HostEnd)
        {
            throw Corrupt($"an L2 table lies at 0x{table:x}");
        }
    }

    /// <summary>Where data can end: nothing of the image is beyond.</summary>
    private long HostEnd => _refcounts is null ? _fileEndAtOpen : Math.Max(_fileEndAtOpen, _refcounts.EndBytes);

    private Extent Decode(MetadataCache.Slice slice, int index, long offset, long length)
    {
        var inSlice = InSlice(index);
        var entry = slice[inSlice];
        var kind = KindOf(entry);
        var inCluster = offset & (_clusterBytes - 1);
        var have = _clusterBytes - inCluster;
        var isCopied = (entry & Qcow2Entry.Copied) != 0;
        if (kind != ClusterKind.Compressed)
        {
            var inRow = kind == ClusterKind.Data ? entry : 0;
            for (var next = inSlice + 1; have < length && next < _l2.SliceBytes / 8; next++)
            {
                var following = slice[next];
                inRow += kind == ClusterKind.Data ? (ulong)_clusterBytes : 0;
                if (kind == ClusterKind.Data ? following != inRow : KindOf(following) != kind)
                {
                    break;
                }

                have += _clusterBytes;
            }
        }

        have = Math.Min(have, length);
        var host = Qcow2Entry.OffsetOf(entry);
        if (kind == ClusterKind.Data && ((host & (_clusterBytes - 1)) != 0 || host + inCluster + have > HostEnd))
        {
            throw Corrupt($"the data at {offset} of the disk lies at 0x{host:x}");
        }

        return new Extent(kind, isCopied && kind == ClusterKind.Data, host + inCluster, entry, have);
    }

    private ClusterKind KindOf(ulong entry)
    {
        if ((entry & Qcow2Entry.Compressed) != 0)
        {
            return ClusterKind.Compressed;
        }

        if ((entry & Qcow2Entry.Zero) != 0)
        {
            return _header.Version >= 3 ? ClusterKind.Zero : throw Corrupt("an image of version 2 has a zero cluster");
        }

        return (entry & Qcow2Entry.OffsetMask) == 0 ? ClusterKind.Unallocated : ClusterKind.Data;
    }

    /// <param name="Kind">What it is.</param>
    /// <param name="IsInPlace">Data that may be written where it is.</param>
    /// <param name="HostOffset">Its place in the file, for data.</param>
    /// <param name="Entry">The first entry, for compressed data.</param>
    /// <param name="LengthBytes">How long it goes on.</param>
    private readonly record struct Extent(ClusterKind Kind, bool IsInPlace, long HostOffset, ulong Entry, long LengthBytes);
}
