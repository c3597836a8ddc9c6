namespace Vivarium;

/// <summary>Bytes that a loader puts into guest memory as they are: from memory, or from a stream each time they are needed.</summary>
internal sealed class BootPayload
{
    private const int BufferBytes = 1 << 18;
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly Stream? _stream;

    public BootPayload(ReadOnlyMemory<byte> bytes)
    {
        _bytes = bytes;
        LengthBytes = bytes.Length;
    }

    /// <exception cref="ArgumentException">The stream cannot be read, or not from its start again.</exception>
    public BootPayload(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (!stream.CanRead || !stream.CanSeek)
        {
            throw new ArgumentException("The stream must be readable and seekable: a guest that resets itself is loaded again.", nameof(stream));
        }

        _stream = stream;
        LengthBytes = stream.Length;
    }

    public long LengthBytes { get; }

    public bool IsEmpty => LengthBytes == 0;

    /// <exception cref="GuestImageException">It does not fit, or the stream has become shorter.</exception>
    public void Write(BootContext context, ulong gpa, string what)
    {
        if (_stream is null)
        {
            context.Write(gpa, _bytes.Span, what);
            return;
        }

        _stream.Position = 0;
        var buffer = new byte[Math.Min(BufferBytes, LengthBytes)];
        for (var left = LengthBytes; left > 0;)
        {
            var part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, left));
            var read = _stream.ReadAtLeast(part, part.Length, throwOnEndOfStream: false);
            if (read != part.Length)
            {
                throw new GuestImageException($"The {what} has become shorter while it was read: {left - read:N0} of {LengthBytes:N0} bytes are missing.");
            }

            context.Write(gpa + (ulong)(LengthBytes - left), part, what);
            left -= part.Length;
        }
    }
}
