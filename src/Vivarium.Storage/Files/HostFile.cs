using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;

namespace Vivarium.Storage;

/// <summary>
/// A file of the host, locked against other programs that ask for locks: shared for reading, exclusive for writing. Requests run on the
/// thread pool, or on the caller's thread if so opened.
/// </summary>
internal sealed class HostFile : IDiskFile
{
    private readonly SafeFileHandle _handle;
    private readonly string _path;
    private readonly bool _blocksCaller;
    private long _lengthBytes;
    private bool _hasHoles = PosixFile.IsSupported;
    private bool _hasZeroRange = PosixFile.IsSupported;
    private volatile BlockIOException? _flushFailure;

    private HostFile(SafeFileHandle handle, string path, bool isReadOnly, bool blocksCaller)
    {
        _handle = handle;
        _path = path;
        IsReadOnly = isReadOnly;
        _blocksCaller = blocksCaller;
        _lengthBytes = RandomAccess.GetLength(handle);
    }

    public bool IsReadOnly { get; }

    public string Stamp => string.Create(CultureInfo.InvariantCulture, $"{LengthBytes}:{File.GetLastWriteTimeUtc(_handle).Ticks}");

    public long LengthBytes => Volatile.Read(ref _lengthBytes);

    /// <exception cref="BlockIOException">The file is not there, may not be opened, or is in use.</exception>
    public static HostFile Open(string path, FileMode mode, bool isReadOnly, bool blocksCaller)
    {
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(
                path,
                mode,
                isReadOnly ? FileAccess.Read : FileAccess.ReadWrite,
                isReadOnly ? FileShare.Read : FileShare.None,
                blocksCaller ? FileOptions.None : FileOptions.Asynchronous);
            return new HostFile(handle, path, isReadOnly, blocksCaller);
        }
        catch (Exception exception) when (HostErrors.IsHostError(exception))
        {
            handle?.Dispose();
            throw HostErrors.Translate(exception, $"'{path}' cannot be opened");
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            while (buffer.Length > 0)
            {
                var count = _blocksCaller
                    ? RandomAccess.Read(_handle, buffer.Span, offsetBytes)
                    : await RandomAccess.ReadAsync(_handle, buffer, offsetBytes, cancellationToken).ConfigureAwait(false);
                if (count == 0)
                {
                    buffer.Span.Clear();
                    return;
                }

                buffer = buffer[count..];
                offsetBytes += count;
            }
        }
        catch (Exception exception) when (HostErrors.IsHostError(exception))
        {
            throw HostErrors.Translate(exception, $"Reading '{_path}' failed");
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask ReadAsync(long offsetBytes, IReadOnlyList<Memory<byte>> buffers, CancellationToken cancellationToken)
    {
        if (buffers.Count == 1)
        {
            await ReadAsync(offsetBytes, buffers[0], cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            var left = Buffers.Length(buffers);
            while (left > 0)
            {
                var count = _blocksCaller
                    ? RandomAccess.Read(_handle, buffers, offsetBytes)
                    : await RandomAccess.ReadAsync(_handle, buffers, offsetBytes, cancellationToken).ConfigureAwait(false);
                if (count == 0)
                {
                    Buffers.Clear(buffers);
                    return;
                }

                left -= count;
                offsetBytes += count;
                if (left > 0)
                {
                    // The host takes a bounded number of buffers at a time, and stops at the file's end.
                    buffers = Buffers.Slice(buffers, count, left);
                }
            }
        }
        catch (Exception exception) when (HostErrors.IsHostError(exception))
        {
            throw HostErrors.Translate(exception, $"Reading '{_path}' failed");
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            if (_blocksCaller)
            {
                RandomAccess.Write(_handle, buffer.Span, offsetBytes);
            }
            else
            {
                await RandomAccess.WriteAsync(_handle, buffer, offsetBytes, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (HostErrors.IsHostError(exception))
        {
            throw HostErrors.Translate(exception, $"Writing '{_path}' failed");
        }

        RaiseLength(offsetBytes + buffer.Length);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask WriteAsync(long offsetBytes, IReadOnlyList<ReadOnlyMemory<byte>> buffers, CancellationToken cancellationToken)
    {
        if (buffers.Count == 1)
        {
            await WriteAsync(offsetBytes, buffers[0], cancellationToken).ConfigureAwait(false);
            return;
        }

        try
        {
            if (_blocksCaller)
            {
                RandomAccess.Write(_handle, buffers, offsetBytes);
            }
            else
            {
                await RandomAccess.WriteAsync(_handle, buffers, offsetBytes, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (HostErrors.IsHostError(exception))
        {
            throw HostErrors.Translate(exception, $"Writing '{_path}' failed");
        }

        RaiseLength(offsetBytes + Buffers.Length(buffers));
    }

    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (_flushFailure is { } earlier)
        {
            throw new BlockIOException(earlier.Kind, earlier.Message, earlier);
        }

        if (!IsReadOnly)
        {
            await OnPool(static file => { file.Flush(); return true; }).ConfigureAwait(false);
        }
    }

    public async ValueTask SetLengthAsync(long lengthBytes)
    {
        await OnPool(file =>
        {
            try
            {
                RandomAccess.SetLength(file._handle, lengthBytes);
                Volatile.Write(ref file._lengthBytes, lengthBytes);
                return true;
            }
            catch (Exception exception) when (HostErrors.IsHostError(exception))
            {
                throw HostErrors.Translate(exception, $"The length of '{file._path}' cannot be changed");
            }
        }).ConfigureAwait(false);
    }

    public async ValueTask<bool> TryPunchHoleAsync(long offsetBytes, long lengthBytes) =>
        _hasHoles && (_hasHoles = await OnPool(file => PosixFile.TryPunchHole(file._handle, offsetBytes, lengthBytes)).ConfigureAwait(false));

    public async ValueTask<bool> TryZeroRangeAsync(long offsetBytes, long lengthBytes) =>
        _hasZeroRange && (_hasZeroRange = await OnPool(file => PosixFile.TryZeroRange(file._handle, offsetBytes, lengthBytes)).ConfigureAwait(false));

    public (bool IsHole, long LengthBytes) FindExtent(long offsetBytes)
    {
        var end = LengthBytes;
        if (offsetBytes >= end)
        {
            return (true, long.MaxValue - offsetBytes);
        }

        return PosixFile.IsSupported && PosixFile.TryFindExtent(_handle, offsetBytes, end, out var isHole, out var length)
            ? (isHole, length)
            : (false, end - offsetBytes);
    }

    public ValueTask DisposeAsync()
    {
        _handle.Dispose();
        return ValueTask.CompletedTask;
    }

    private void Flush()
    {
        var failure = default(BlockIOException);
        try
        {
            if (PosixFile.IsSupported)
            {
                var error = PosixFile.FlushData(_handle);
                failure = error == 0 ? null : new BlockIOException(HostErrors.KindOf(error), $"Flushing '{_path}' failed with error {error} of the host; what was written since the last flush may be lost. Open the disk anew.");
            }
            else
            {
                RandomAccess.FlushToDisk(_handle);
            }
        }
        catch (Exception exception) when (HostErrors.IsHostError(exception))
        {
            failure = HostErrors.Translate(exception, $"Flushing '{_path}' failed");
        }

        if (failure is not null)
        {
            _flushFailure = failure;
            throw failure;
        }
    }

    private ValueTask<T> OnPool<T>(Func<HostFile, T> action) =>
        _blocksCaller
            ? new ValueTask<T>(action(this))
            : new ValueTask<T>(Task.Factory.StartNew(() => action(this), CancellationToken.None, TaskCreationOptions.DenyChildAttach, TaskScheduler.Default));

    private void RaiseLength(long endBytes)
    {
        long seen;
        while ((seen = Volatile.Read(ref _lengthBytes)) < endBytes && Interlocked.CompareExchange(ref _lengthBytes, endBytes, seen) != seen)
        {
        }
    }
}
