using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using ZstdSharp;

namespace Vivarium;

/// <summary>
/// Reads a snapshot in two passes: the checksum of the whole file first, then the sections. A source that cannot be read twice is copied to
/// a temporary file. Not thread-safe.
/// </summary>
internal sealed class SnapshotReader : IAsyncDisposable
{
    private readonly Stream _stream;
    private readonly Stream? _temporary;
    private readonly long _start;
    private readonly long _end;
    private readonly Decompressor _decompressor = new();

    private SnapshotReader(Stream stream, Stream? temporary, long start, long end)
    {
        _stream = stream;
        _temporary = temporary;
        _start = start;
        _end = end;
    }

    /// <summary>Verifies the rest of <paramref name="source"/> as a whole snapshot.</summary>
    /// <exception cref="StateFormatException">It is no snapshot, of a newer version, cut off or altered.</exception>
    public static async Task<SnapshotReader> OpenAsync(Stream source, CancellationToken cancellationToken)
    {
        Stream? temporary = null;
        try
        {
            if (!source.CanSeek)
            {
                temporary = new FileStream(
                    Path.GetTempFileName(), FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose | FileOptions.Asynchronous);
                await source.CopyToAsync(temporary, cancellationToken).ConfigureAwait(false);
                temporary.Position = 0;
            }

            var stream = temporary ?? source;
            var start = stream.Position;
            await VerifyAsync(stream, cancellationToken).ConfigureAwait(false);
            return new SnapshotReader(stream, temporary, start + SnapshotFormat.HeaderBytes, stream.Length - SnapshotFormat.ChecksumBytes);
        }
        catch
        {
            if (temporary is not null)
            {
                await temporary.DisposeAsync().ConfigureAwait(false);
            }

            throw;
        }
    }

    /// <summary>All sections in order, from the first.</summary>
    public async IAsyncEnumerable<SnapshotSection> ReadSectionsAsync(
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        _stream.Position = _start;
        var header = new byte[SnapshotFormat.SectionHeaderBytes];
        while (_stream.Position < _end)
        {
            if (_end - _stream.Position < header.Length)
            {
                throw Damaged();
            }

            await _stream.ReadExactlyAsync(header, cancellationToken).ConfigureAwait(false);
            var length = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(4));
            if (length < 0 || length > Math.Min(_end - _stream.Position, SnapshotFormat.MaximumSectionBytes))
            {
                throw Damaged();
            }

            var content = new byte[length];
            await _stream.ReadExactlyAsync(content, cancellationToken).ConfigureAwait(false);
            yield return new SnapshotSection(BinaryPrimitives.ReadUInt32LittleEndian(header), content);
        }
    }

    /// <summary>The configuration, which is the first section.</summary>
    public async Task<MachineConfiguration> ReadConfigurationAsync(CancellationToken cancellationToken)
    {
        await foreach (var section in ReadSectionsAsync(cancellationToken).ConfigureAwait(false))
        {
            return section.Kind == SnapshotFormat.ConfigurationSection
                ? ConfigurationFields.Restore(new StateReader("configuration", 1, section.Content))
                : throw Damaged();
        }

        throw Damaged();
    }

    /// <summary>Takes a unit's section apart.</summary>
    public static (string Name, int Version, ReadOnlyMemory<byte> Fields) ReadUnit(ReadOnlyMemory<byte> content)
    {
        var span = content.Span;
        var nameBytes = span.Length >= 2 ? BinaryPrimitives.ReadUInt16LittleEndian(span) : 0;
        return span.Length >= 6 + nameBytes
            ? (Encoding.UTF8.GetString(span.Slice(2, nameBytes)), BinaryPrimitives.ReadInt32LittleEndian(span[(2 + nameBytes)..]), content[(6 + nameBytes)..])
            : throw Damaged();
    }

    /// <summary>Decompresses a section of memory or of a disk into <paramref name="buffer"/> and returns its address and length.</summary>
    public (ulong Gpa, int Length) ReadMemory(ReadOnlyMemory<byte> content, Span<byte> buffer)
    {
        var span = content.Span;
        if (span.Length < 12)
        {
            throw Damaged();
        }

        var length = BinaryPrimitives.ReadInt32LittleEndian(span[8..]);
        try
        {
            return length >= 0 && length <= buffer.Length && _decompressor.Unwrap(span[12..], buffer) == length
                ? (BinaryPrimitives.ReadUInt64LittleEndian(span), length)
                : throw Damaged();
        }
        catch (ZstdException exception)
        {
            throw new StateFormatException("The snapshot's memory cannot be decompressed.", exception);
        }
    }

    /// <summary>Takes a disk's section apart.</summary>
    public static (string Name, long SizeBytes, string Stamp) ReadDisk(ReadOnlyMemory<byte> content)
    {
        var fields = new StateReader("disk", 1, content);
        return fields.ReadInt64(2) is >= 0 and var size
            ? (Encoding.UTF8.GetString(fields.ReadBytes(1)), size, Encoding.UTF8.GetString(fields.ReadBytes(3)))
            : throw fields.Invalid(2);
    }

    /// <summary>Takes a section of a disk's zeros apart.</summary>
    public static (long OffsetBytes, long LengthBytes) ReadZeroes(ReadOnlyMemory<byte> content) => content.Length == 16
        ? (BinaryPrimitives.ReadInt64LittleEndian(content.Span), BinaryPrimitives.ReadInt64LittleEndian(content.Span[8..]))
        : throw Damaged();

    public async ValueTask DisposeAsync()
    {
        _decompressor.Dispose();
        if (_temporary is not null)
        {
            await _temporary.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static async Task VerifyAsync(Stream stream, CancellationToken cancellationToken)
    {
        var header = new byte[SnapshotFormat.HeaderBytes];
        var read = await stream.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (!header.AsSpan(0, Math.Min(read, SnapshotFormat.Magic.Length)).SequenceEqual(SnapshotFormat.Magic))
        {
            throw new StateFormatException("The file is not a Vivarium snapshot.");
        }

        var version = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(SnapshotFormat.Magic.Length));
        if (read == header.Length && version > SnapshotFormat.Version)
        {
            throw new StateFormatException(
                $"The snapshot has format version {version}, made by a newer Vivarium; this one reads up to version {SnapshotFormat.Version}.");
        }

        var remaining = stream.Length - stream.Position - SnapshotFormat.ChecksumBytes;
        if (read < header.Length || version < 1 || remaining < 0)
        {
            throw Damaged();
        }

        var hash = new XxHash128();
        hash.Append(header);
        var buffer = new byte[1 << 16];
        while (remaining > 0)
        {
            var part = buffer.AsMemory(0, (int)Math.Min(buffer.Length, remaining));
            await stream.ReadExactlyAsync(part, cancellationToken).ConfigureAwait(false);
            hash.Append(part.Span);
            remaining -= part.Length;
        }

        var stored = new byte[SnapshotFormat.ChecksumBytes];
        await stream.ReadExactlyAsync(stored, cancellationToken).ConfigureAwait(false);
        if (!stored.AsSpan().SequenceEqual(hash.GetCurrentHash()))
        {
            throw Damaged();
        }
    }

    private static StateFormatException Damaged() => new("The snapshot is cut off or was altered: its checksum or structure is wrong.");
}

/// <summary>One section of a snapshot.</summary>
internal readonly record struct SnapshotSection(uint Kind, ReadOnlyMemory<byte> Content);
