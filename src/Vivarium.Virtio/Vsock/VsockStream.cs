namespace Vivarium.Virtio;

/// <summary>
/// A connection between the host program and a program in the guest. Reading and writing wait as a socket's do; reading gives 0 at the end, and both
/// throw an <see cref="IOException"/> when the guest has reset the connection or was restored. Any thread; one reader and one writer at a time.
/// </summary>
public sealed class VsockStream : Stream
{
    private readonly VsockConnection _connection;
    private readonly PipeStream _pipes;

    internal VsockStream(VsockConnection connection)
    {
        _connection = connection;
        _pipes = new PipeStream(connection.FromGuest, connection.ToGuest);
    }

    /// <summary>The port on the host's side.</summary>
    public uint HostPort => _connection.HostPort;

    /// <summary>The port on the guest's side.</summary>
    public uint GuestPort => _connection.GuestPort;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Ends the writing half: the guest reads an end behind what was written. Reading goes on.</summary>
    public void CompleteWriting() => _connection.CompleteWriting();

    // The overloads and their defaults are Stream's.
#pragma warning disable RS0027
    /// <inheritdoc/>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _pipes.ReadAsync(buffer, cancellationToken);

    /// <inheritdoc/>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => _pipes.WriteAsync(buffer, cancellationToken);
#pragma warning restore RS0027

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        _pipes.ReadAsync(buffer, offset, count, cancellationToken);

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        _pipes.WriteAsync(buffer, offset, count, cancellationToken);

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => _pipes.Read(buffer, offset, count);

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => _pipes.Write(buffer, offset, count);

    /// <summary>Does nothing: what is written is on its way.</summary>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Closes both halves; what was written still goes to the guest.</summary>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _connection.Close();
        }

        base.Dispose(disposing);
    }
}
