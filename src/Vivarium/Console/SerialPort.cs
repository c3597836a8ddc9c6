namespace Vivarium;

/// <summary>
/// The host's end of a serial port: what the guest sends comes out of <see cref="Output"/>, what is written to <see cref="Input"/> goes to
/// the guest. Any thread; one reader and one writer at a time.
/// </summary>
public sealed class SerialPort : ICharacterSink
{
    private readonly ConsoleOutputStream _output = new();
    private readonly ConsoleInputStream _input = new();
    private ICharacterSink? _copy;

    internal SerialPort()
    {
    }

    /// <summary>
    /// Reads what the guest sent, and ends when the machine ends. A mebibyte is kept for a slow reader; beyond that the oldest goes,
    /// as a guest must not wait for its console.
    /// </summary>
    public Stream Output => _output;

    /// <summary>Writes what the guest receives. Asynchronous writes wait while the guest is slow; its end does not reach the guest.</summary>
    public Stream Input => _input;

    /// <summary>Bytes lost to a slow reader so far.</summary>
    public long DroppedBytes => _output.DroppedBytes;

    /// <summary>Sends what the guest sends to <paramref name="sink"/> instead of <see cref="Output"/>. Before the machine starts.</summary>
    public void RedirectTo(ICharacterSink sink)
    {
        ArgumentNullException.ThrowIfNull(sink);
        _copy = sink;
    }

    void ICharacterSink.Write(ReadOnlySpan<byte> data)
    {
        if (_copy is { } sink)
        {
            sink.Write(data);
        }
        else
        {
            _output.Append(data);
        }
    }

    /// <summary>Connects the device that receives.</summary>
    /// <param name="events">The machine's door.</param>
    /// <param name="receive">Offers bytes to the device and returns how many it took. Device lock held.</param>
    internal void Connect(IVmEventQueue events, Func<ReadOnlyMemory<byte>, int> receive) => _input.Connect(events, receive);

    /// <summary>The device has room again. Device lock held.</summary>
    internal void OnSpaceAvailable() => _input.Pump();

    internal void Complete()
    {
        _output.Complete();
        _input.Complete();
    }
}
