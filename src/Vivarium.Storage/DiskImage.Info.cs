namespace Vivarium.Storage;

/// <content>What an image is.</content>
public static partial class DiskImage
{
    /// <summary>Describes an image of a known format. Neither its content nor a backing file is read, so that any image may be asked.</summary>
    /// <exception cref="DiskImageException">The image cannot be read.</exception>
    /// <exception cref="BlockIOException">The file is not there, is in use, or the host failed.</exception>
    public static async ValueTask<DiskImageInfo> GetInfoAsync(string path, DiskFormat format)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (format == DiskFormat.Vhdx)
        {
            var disk = await VhdxDisk.OpenAsync(path, new DiskOptions { IsReadOnly = true }).ConfigureAwait(false);
            await using (disk.ConfigureAwait(false))
            {
                return new DiskImageInfo { Format = format, SizeBytes = disk.SizeBytes, FileBytes = disk.File.LengthBytes, HostBytes = HostBytesOf(disk.File), ClusterBytes = disk.Capabilities.DiscardGranularityBytes };
            }
        }

        var file = HostFile.Open(path, FileMode.Open, isReadOnly: true, blocksCaller: false);
        await using (file.ConfigureAwait(false))
        {
            if (format == DiskFormat.Raw)
            {
                var raw = new RawDisk(file);
                return new DiskImageInfo { Format = format, SizeBytes = raw.SizeBytes, FileBytes = file.LengthBytes, HostBytes = HostBytesOf(file) };
            }

            var header = format == DiskFormat.Qcow2
                ? await Qcow2Header.ReadAsync(file).ConfigureAwait(false)
                : throw new ArgumentException("Say which format the image has: raw, qcow2 or vhdx.", nameof(format));
            var (snapshots, _) = await Qcow2Snapshot.ReadAllAsync(file, header).ConfigureAwait(false);
            return new DiskImageInfo
            {
                Format = format,
                SizeBytes = header.SizeBytes,
                FileBytes = file.LengthBytes,
                HostBytes = HostBytesOf(file),
                Version = header.Version,
                ClusterBytes = header.ClusterBytes,
                RefcountBits = 1 << header.RefcountOrder,
                Compression = header.IsZstd ? "zstd" : "zlib",
                BackingFile = header.BackingFile,
                BackingFormat = header.BackingFormat,
                IsDirty = header.Incompatible.HasFlag(Qcow2Features.Dirty),
                IsCorrupt = header.Incompatible.HasFlag(Qcow2Features.Corrupt),
                Snapshots = snapshots.ConvertAll(snapshot => snapshot.Name),
            };
        }
    }

    private static long HostBytesOf(IDiskFile file)
    {
        long bytes = 0;
        for (long offset = 0; offset < file.LengthBytes;)
        {
            var (isHole, length) = file.FindExtent(offset);
            length = Math.Min(length, file.LengthBytes - offset);
            bytes += isHole ? 0 : length;
            offset += length;
        }

        return bytes;
    }
}
