using System.IO.Compression;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace Vivarium.Storage;

/// <summary>
/// Compressed clusters: deflate streams without a header, or zstd frames. The few read last are kept, as a guest reads a cluster in pieces.
/// Any thread.
/// </summary>
internal sealed class CompressedClusters(IDiskFile file, int clusterBits, bool isZstd)
{
    // Frames of a cluster need no larger window, and an image must not choose how much memory the host takes.
    private const int LargestWindowLog = 23;
    private const int KeptBytes = 1 << 20;

    private readonly Lock _gate = new();
    private readonly LinkedList<(ulong Entry, byte[] Content)> _kept = new();
    private readonly int _keptCount = Math.Clamp(KeptBytes >> clusterBits, 1, 16);
    private long _generation;

    /// <summary>Copies a part of the cluster.</summary>
    /// <exception cref="BlockIOException">The host failed, or the cluster is corrupt.</exception>
    public async ValueTask ReadAsync(ulong entry, int start, IReadOnlyList<Memory<byte>> buffers, int length)
    {
        var content = Find(entry, out var generation);
        if (content is null)
        {
            content = await DecompressAsync(entry).ConfigureAwait(false);
            Keep(entry, content, generation);
        }

        Buffers.CopyTo(content.AsSpan(start, length), buffers);
    }

    /// <summary>A compressed cluster was freed: its place may soon hold another.</summary>
    public void Forget()
    {
        lock (_gate)
        {
            _generation++;
            _kept.Clear();
        }
    }

    private byte[]? Find(ulong entry, out long generation)
    {
        lock (_gate)
        {
            generation = _generation;
            for (var node = _kept.First; node is not null; node = node.Next)
            {
                if (node.Value.Entry == entry)
                {
                    _kept.Remove(node);
                    _kept.AddFirst(node);
                    return node.Value.Content;
                }
            }
        }

        return null;
    }

    private void Keep(ulong entry, byte[] content, long generation)
    {
        lock (_gate)
        {
            if (generation != _generation)
            {
                return;
            }

            _kept.AddFirst((entry, content));
            if (_kept.Count > _keptCount)
            {
                _kept.RemoveLast();
            }
        }
    }

    private async ValueTask<byte[]> DecompressAsync(ulong entry)
    {
        var (offset, length) = Qcow2Entry.CompressedRange(entry, clusterBits);
        if (offset >= file.LengthBytes)
        {
            throw Corrupt(offset, null);
        }

        var packed = new byte[(int)Math.Min(length, file.LengthBytes - offset)];
        await file.ReadAsync(offset, packed, CancellationToken.None).ConfigureAwait(false);
        var content = new byte[1 << clusterBits];
        try
        {
            using var source = new MemoryStream(packed);
            using Stream stream = isZstd ? OpenZstd(source) : new DeflateStream(source, CompressionMode.Decompress);
            stream.ReadExactly(content);
        }
        catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException or ZstdException)
        {
            throw Corrupt(offset, exception);
        }

        return content;
    }

    private static DecompressionStream OpenZstd(Stream source)
    {
        var stream = new DecompressionStream(source);
        stream.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, LargestWindowLog);
        return stream;
    }

    private static BlockIOException Corrupt(long offset, Exception? cause)
    {
        var message = $"The image is corrupt: the compressed cluster at 0x{offset:x} cannot be decompressed.";
        return cause is null ? new BlockIOException(BlockErrorKind.Failed, message) : new BlockIOException(BlockErrorKind.Failed, message, cause);
    }
}
