namespace Vivarium.Cli;

/// <summary>Connects standard input and output to a serial port, with the escapes of Ctrl-A.</summary>
internal sealed class ConsoleBridge(SerialPort port, Action<ConsoleCommand> onCommand)
{
    private const byte Escape = 1;

    private readonly Stream _output = Console.OpenStandardOutput();
    private readonly byte[] _keys = new byte[256];
    private bool _escaped;

    /// <summary>Copies output until the machine ends.</summary>
    public Task CopyOutputAsync() => port.Output.CopyToAsync(_output);

    /// <summary>Copies input on a thread of its own until it ends; its end does not reach the guest.</summary>
    public void StartInput()
    {
        var input = Console.OpenStandardInput();
        var thread = new Thread(() => CopyInput(input)) { Name = "Console input", IsBackground = true };
        thread.Start();
    }

    private void CopyInput(Stream input)
    {
        var buffer = new byte[_keys.Length];
        int count;
        while ((count = input.Read(buffer)) > 0)
        {
            var keys = Filter(buffer.AsSpan(0, count));
            port.Input.WriteAsync(_keys.AsMemory(0, keys)).AsTask().GetAwaiter().GetResult();
        }
    }

    /// <summary>Takes escapes out of what was typed; returns how many keys remain.</summary>
    private int Filter(ReadOnlySpan<byte> typed)
    {
        var count = 0;
        foreach (var key in typed)
        {
            if (!_escaped && key == Escape)
            {
                _escaped = true;
                continue;
            }

            switch (_escaped, key)
            {
                case (true, (byte)'x' or (byte)'X'):
                    onCommand(ConsoleCommand.Quit);
                    break;
                case (true, (byte)'s' or (byte)'S'):
                    onCommand(ConsoleCommand.Save);
                    break;
                case (true, (byte)'p' or (byte)'P'):
                    onCommand(ConsoleCommand.PressPowerButton);
                    break;
                default:
                    _keys[count++] = key;
                    break;
            }

            _escaped = false;
        }

        return count;
    }
}

/// <summary>What the user asked for with Ctrl-A.</summary>
internal enum ConsoleCommand
{
    /// <summary>End the machine.</summary>
    Quit,

    /// <summary>Save a snapshot and go on.</summary>
    Save,

    /// <summary>Press the power button.</summary>
    PressPowerButton,
}
