using System.Text;

namespace Vivarium.Samples.BootLinux;

/// <summary>Shows what the guest prints, waits for words in it and types.</summary>
internal sealed class GuestConsole(SerialPort port, TimeSpan patience)
{
    private readonly Stream _screen = Console.OpenStandardOutput();
    private readonly byte[] _buffer = new byte[4096];
    private readonly StringBuilder _unread = new();

    /// <summary>Reads until the text appears.</summary>
    public async Task WaitForAsync(string text)
    {
        using var timeout = new CancellationTokenSource(patience);
        int found;
        while ((found = _unread.ToString().IndexOf(text, StringComparison.Ordinal)) < 0)
        {
            if (!await ReadAsync(timeout.Token))
            {
                throw new EndOfStreamException($"The guest ended before it printed '{text}'.");
            }
        }

        _unread.Remove(0, found + text.Length);
    }

    /// <summary>Types a command and waits for the prompt after it.</summary>
    public async Task RunAsync(string command, string prompt)
    {
        await SendAsync(command + "\n");
        await WaitForAsync("\n");
        await WaitForAsync(prompt);
    }

    public Task SendAsync(string keys) => port.Input.WriteAsync(Encoding.ASCII.GetBytes(keys)).AsTask();

    /// <summary>Shows the rest.</summary>
    public async Task FinishAsync()
    {
        using var timeout = new CancellationTokenSource(patience);
        while (await ReadAsync(timeout.Token))
        {
        }
    }

    private async Task<bool> ReadAsync(CancellationToken cancellationToken)
    {
        int count;
        try
        {
            count = await port.Output.ReadAsync(_buffer, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException("The guest did not answer in time.");
        }

        _screen.Write(_buffer, 0, count);
        _unread.Append(Encoding.ASCII.GetString(_buffer, 0, count));
        return count > 0;
    }
}
