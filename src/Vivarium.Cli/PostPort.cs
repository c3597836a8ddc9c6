using System.Globalization;
using System.Threading.Channels;

namespace Vivarium.Cli;

/// <summary>
/// Prints the bytes that firmware or a test image writes to a port as its progress codes, one line each. Reading gives the last one. It has no
/// state that a snapshot would need. Called with the device lock held; lines are written by a task, and past a bound they are counted only.
/// </summary>
internal sealed class PostPort : IPortDevice, IDisposable
{
    private const int MaxWaiting = 4096;
    private readonly Channel<string> _lines = Channel.CreateBounded<string>(MaxWaiting);
    private readonly ushort _port;
    private readonly Task _writer;
    private long _dropped;
    private byte _last;

    public PostPort(ushort port, TextWriter output)
    {
        _port = port;
        _writer = WriteLinesAsync(output);
    }

    public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
    {
        value = _last;
        return sizeBytes == 1 ? IoResult.Ok : IoResult.BadSize;
    }

    public IoResult WritePort(ushort offset, int sizeBytes, uint value)
    {
        if (sizeBytes != 1)
        {
            return IoResult.BadSize;
        }

        _last = (byte)value;
        if (!_lines.Writer.TryWrite(string.Create(CultureInfo.InvariantCulture, $"post 0x{_port:x}: {_last:X2}")))
        {
            _dropped++;
        }

        return IoResult.Ok;
    }

    /// <summary>Returns when all lines are written.</summary>
    public void Dispose()
    {
        _lines.Writer.TryComplete();
        _writer.GetAwaiter().GetResult();
    }

    private async Task WriteLinesAsync(TextWriter output)
    {
        await foreach (var line in _lines.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            await output.WriteLineAsync(line).ConfigureAwait(false);
        }

        if (_dropped > 0)
        {
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"post 0x{_port:x}: {_dropped:N0} more codes came faster than they could be printed")).ConfigureAwait(false);
        }
    }
}
