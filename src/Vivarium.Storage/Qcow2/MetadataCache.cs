using System.Buffers.Binary;
using System.Collections.Concurrent;

namespace Vivarium.Storage;

/// <summary>
/// Pieces of an image's tables in memory, by their place in the file: bounded, except that changed ones stay until they are written.
/// Reading is for any thread; changing and writing only for the holder of the image's mutex.
/// </summary>
internal sealed class MetadataCache(IDiskFile file, int sliceBytes, int capacity)
{
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<long, Slice> _slices = new();
    private readonly Dictionary<long, Task<Slice>> _loading = [];
    private readonly List<Slice> _resident = [];
    private readonly List<Slice> _dirty = [];
    private int _hand;

    public int SliceBytes { get; } = sliceBytes;

    public int DirtyCount => _dirty.Count;

    /// <summary>Whether changed pieces take so much of the memory that they should be written.</summary>
    public bool IsFullOfDirty => _dirty.Count > capacity / 2;

    public bool TryGet(long offsetBytes, out Slice slice)
    {
        if (_slices.TryGetValue(offsetBytes, out slice!))
        {
            slice.WasUsed = true;
            return true;
        }

        return false;
    }

    public ValueTask<Slice> GetAsync(long offsetBytes) =>
        TryGet(offsetBytes, out var slice) ? new ValueTask<Slice>(slice) : new ValueTask<Slice>(JoinLoad(offsetBytes));

    /// <summary>A slice that stays until it is written. Only for the holder of the mutex.</summary>
    public async ValueTask<Slice> GetForChangeAsync(long offsetBytes)
    {
        while (true)
        {
            var slice = await GetAsync(offsetBytes).ConfigureAwait(false);
            lock (_gate)
            {
                // Marked before it is changed: from here on no reader's need for room can evict it.
                if (_slices.TryGetValue(offsetBytes, out var current) && current == slice)
                {
                    if (!slice.IsDirty)
                    {
                        slice.IsDirty = true;
                        _dirty.Add(slice);
                    }

                    return slice;
                }
            }
        }
    }

    /// <summary>Writes what was changed, in the order of the file. Only for the holder of the mutex.</summary>
    public async ValueTask WriteDirtyAsync()
    {
        _dirty.Sort(static (a, b) => b.OffsetBytes.CompareTo(a.OffsetBytes));
        while (_dirty.Count > 0)
        {
            var slice = _dirty[^1];
            await file.WriteAsync(slice.OffsetBytes, slice.Bytes, CancellationToken.None).ConfigureAwait(false);
            lock (_gate)
            {
                slice.IsDirty = false;
                _dirty.RemoveAt(_dirty.Count - 1);
            }
        }
    }

    /// <summary>Forgets what is known of a range that has another meaning now. Only for the holder of the mutex.</summary>
    public void Forget(long offsetBytes, long lengthBytes)
    {
        lock (_gate)
        {
            for (var end = offsetBytes + lengthBytes; offsetBytes < end; offsetBytes += SliceBytes)
            {
                if (_slices.TryRemove(offsetBytes, out var slice))
                {
                    _resident.Remove(slice);
                    if (slice.IsDirty)
                    {
                        _dirty.Remove(slice);
                    }
                }
            }
        }
    }

    private Task<Slice> JoinLoad(long offsetBytes)
    {
        lock (_gate)
        {
            // One load at a time for a place: a second could bring back what was written over meanwhile.
            if (_slices.TryGetValue(offsetBytes, out var slice))
            {
                return Task.FromResult(slice);
            }

            if (!_loading.TryGetValue(offsetBytes, out var load))
            {
                load = LoadAsync(offsetBytes);
                if (!load.IsCompleted)
                {
                    _loading.Add(offsetBytes, load);
                }
            }

            return load;
        }
    }

    private async Task<Slice> LoadAsync(long offsetBytes)
    {
        try
        {
            var slice = new Slice(offsetBytes, new byte[SliceBytes]);
            await file.ReadAsync(offsetBytes, slice.Bytes, CancellationToken.None).ConfigureAwait(false);
            lock (_gate)
            {
                Evict();
                _slices[offsetBytes] = slice;
                _resident.Add(slice);
            }

            return slice;
        }
        finally
        {
            lock (_gate)
            {
                _loading.Remove(offsetBytes);
            }
        }
    }

    private void Evict()
    {
        // Two rounds find a clean piece if there is one: the first takes away the mark of use.
        for (var steps = 2 * _resident.Count; _resident.Count >= capacity && steps > 0; steps--)
        {
            _hand = _hand >= _resident.Count - 1 ? 0 : _hand + 1;
            var slice = _resident[_hand];
            if (slice.IsDirty)
            {
                continue;
            }

            if (slice.WasUsed)
            {
                slice.WasUsed = false;
                continue;
            }

            _slices.TryRemove(slice.OffsetBytes, out _);
            _resident[_hand] = _resident[^1];
            _resident.RemoveAt(_resident.Count - 1);
        }
    }

    /// <summary>A piece of a table.</summary>
    internal sealed class Slice(long offsetBytes, byte[] bytes)
    {
        public long OffsetBytes { get; } = offsetBytes;

        public byte[] Bytes { get; } = bytes;

        public bool IsDirty { get; set; }

        public bool WasUsed { get; set; }

        /// <summary>An entry of eight bytes. They are aligned, so that the host reads them at once.</summary>
        public ulong this[int index]
        {
            get => BinaryPrimitives.ReadUInt64BigEndian(Bytes.AsSpan(index * 8, 8));
            set => BinaryPrimitives.WriteUInt64BigEndian(Bytes.AsSpan(index * 8, 8), value);
        }
    }
}
