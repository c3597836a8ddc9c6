namespace Vivarium;

/// <summary>
/// The disks of a machine in its snapshot: what they keep in memory goes into it, and what lies in image files is recognised by its stamp, as a guest
/// whose memory and disk do not belong together destroys its file systems.
/// </summary>
internal sealed class SnapshotDisks(IReadOnlyList<(string Name, ISnapshotBackend Disk)> disks)
{
    /// <summary>Writes all disks. No request is in flight.</summary>
    public async Task SaveAsync(SnapshotWriter writer, CancellationToken cancellationToken)
    {
        var buffer = new byte[SnapshotFormat.ChunkBytes];
        foreach (var (name, disk) in disks)
        {
            await disk.FlushAsync(cancellationToken).ConfigureAwait(false);
            await writer.WriteDiskAsync(name, disk.SizeBytes, disk.BaseStamp, cancellationToken).ConfigureAwait(false);
            foreach (var run in disk.EnumerateOwn())
            {
                if (run.IsZero)
                {
                    await writer.WriteDiskZeroesAsync(run.OffsetBytes, run.LengthBytes, cancellationToken).ConfigureAwait(false);
                    continue;
                }

                for (var done = 0L; done < run.LengthBytes; done += buffer.Length)
                {
                    var part = buffer.AsMemory(0, (int)Math.Min(buffer.Length, run.LengthBytes - done));
                    await disk.ReadAsync(run.OffsetBytes + done, [part], cancellationToken).ConfigureAwait(false);
                    await writer.WriteDiskContentAsync(run.OffsetBytes + done, part, cancellationToken).ConfigureAwait(false);
                }
            }
        }
    }

    /// <summary>Begins to take disks out of a snapshot.</summary>
    public Restoring BeginRestore() => new(disks);

    /// <summary>Disks on their way out of a snapshot. Nothing of the machine's changes before <see cref="Commit"/>.</summary>
    internal sealed class Restoring(IReadOnlyList<(string Name, ISnapshotBackend Disk)> disks)
    {
        private readonly List<IBlockReplacement> _replacements = [];
        private readonly HashSet<string> _found = [];
        private IBlockReplacement? _current;

        /// <exception cref="StateFormatException">The machine has no such disk, or another than that of the snapshot.</exception>
        public void Begin(string name, long sizeBytes, string stamp)
        {
            var disk = disks.FirstOrDefault(each => each.Name == name).Disk
                ?? throw new StateFormatException($"The snapshot holds the disk '{name}', which this machine does not have, or not as one that snapshots know.");
            if (!_found.Add(name))
            {
                throw new StateFormatException($"The snapshot holds the disk '{name}' twice.");
            }

            if (stamp != disk.BaseStamp)
            {
                throw new StateFormatException(
                    $"The image of the disk '{name}' is not as it was when the snapshot was made: it was written since, or is another file. The guest would destroy its file systems; use the image that belongs to the snapshot, or put an overlay over it before the snapshot is made.");
            }

            _current = disk.BeginReplace(sizeBytes)
                ?? throw new StateFormatException($"The disk '{name}' has {disk.SizeBytes:N0} bytes, in the snapshot {sizeBytes:N0}; use the image that belongs to the snapshot.");
            _replacements.Add(_current);
        }

        /// <exception cref="StateFormatException">The content belongs to no disk, or not there.</exception>
        public void Write(long offsetBytes, ReadOnlySpan<byte> content) => Check(_current?.TryWrite(offsetBytes, content));

        /// <exception cref="StateFormatException">The content belongs to no disk, or not there.</exception>
        public void WriteZeroes(long offsetBytes, long lengthBytes) => Check(_current?.TryWriteZeroes(offsetBytes, lengthBytes));

        /// <exception cref="StateFormatException">The machine has a disk that the snapshot lacks.</exception>
        public void Check()
        {
            if (disks.FirstOrDefault(each => !_found.Contains(each.Name)).Name is { } missing)
            {
                throw new StateFormatException($"The snapshot lacks the disk '{missing}', which this machine has.");
            }
        }

        /// <summary>The disks have the snapshot's content from now on.</summary>
        public void Commit() => _replacements.ForEach(replacement => replacement.Commit());

        private static void Check(bool? isTaken)
        {
            if (isTaken != true)
            {
                throw new StateFormatException("The snapshot holds content of a disk where none belongs.");
            }
        }
    }
}
