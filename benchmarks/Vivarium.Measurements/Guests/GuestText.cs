using System.Text;

namespace Vivarium.Measurements;

/// <summary>Reads what a guest prints until a text appears, and types.</summary>
/// <param name="output">What the guest prints.</param>
/// <param name="input">Takes what is typed.</param>
internal sealed class GuestText(Stream output, Stream input)
{
    private readonly byte[] _buffer = new byte[4096];
    private readonly StringBuilder _text = new();
    private int _seen;

    public GuestText(SerialPort port)
        : this(port.Output, port.Input)
    {
    }

    /// <summary>All that was read.</summary>
    public string All => _text.ToString();

    /// <summary>Reads until <paramref name="text"/> appears; returns what stood before it since the last call.</summary>
    /// <exception cref="MeasurementException">It did not come.</exception>
    public async Task<string> WaitForAsync(string text, TimeSpan patience)
    {
        using var timeout = new CancellationTokenSource(patience);
        while (true)
        {
            var all = _text.ToString();
            var found = all.IndexOf(text, _seen, StringComparison.Ordinal);
            if (found >= 0)
            {
                var before = all[_seen..found];
                _seen = found + text.Length;
                return before;
            }

            if (!await ReadAsync(timeout.Token))
            {
                throw new MeasurementException($"The guest did not print '{text}' within {patience.TotalSeconds:F0} s; its last words: …{all[^Math.Min(all.Length, 300)..]}");
            }
        }
    }

    /// <summary>Types a command and returns what it printed.</summary>
    public async Task<string> RunAsync(string command, TimeSpan patience)
    {
        await SendAsync(command + "\n");
        await WaitForAsync("\n", patience);
        return (await WaitForAsync(LinuxGuest.Prompt, patience)).Trim();
    }

    public async Task SendAsync(string keys)
    {
        await input.WriteAsync(Encoding.ASCII.GetBytes(keys));
        await input.FlushAsync();
    }

    private async Task<bool> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            var count = await output.ReadAsync(_buffer, cancellationToken);
            _text.Append(Encoding.ASCII.GetString(_buffer, 0, count));
            return count > 0;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
