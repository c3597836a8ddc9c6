namespace Vivarium.Virtio;

/// <summary>The host's end of one port of a <see cref="VirtioConsole"/>. Any thread; one reader and one writer at a time.</summary>
public sealed class VirtioConsolePort
{
    private const int BufferBytes = 64 << 10;

    internal VirtioConsolePort(VirtioConsole console, int index, VirtioConsolePortOptions options)
    {
        Index = index;
        Name = options.Name;
        IsConsole = options.IsConsole;
        FromGuest = new BytePipe(BufferBytes);
        ToGuest = new BytePipe(BufferBytes);
        Output = new PipeStream(FromGuest, null);
        Input = new PipeStream(null, ToGuest);

        // A console never waits for its reader.
        FromGuest.OnRead = IsConsole ? null : () => console.Wake();
        ToGuest.OnWritten = () => console.Wake();
    }

    /// <summary>Which port of its device it is, from 0.</summary>
    public int Index { get; }

    /// <summary>What the guest finds it by.</summary>
    public string Name { get; }

    /// <summary>Whether it is a console.</summary>
    public bool IsConsole { get; }

    /// <summary>Reads what the guest writes.</summary>
    public Stream Output { get; }

    /// <summary>Writes what the guest reads; asynchronous writes wait while 64 KiB are on their way.</summary>
    public Stream Input { get; }

    /// <summary>Whether a program in the guest has it open.</summary>
    public bool IsOpen { get; internal set; }

    /// <summary>Bytes of a console that nobody has read in time.</summary>
    public long DroppedBytes { get; internal set; }

    internal BytePipe FromGuest { get; }

    internal BytePipe ToGuest { get; }

    /// <summary>A buffer of the guest that did not fit yet.</summary>
    internal DescriptorChain? SendChain { get; set; }

    /// <summary>How much of it was taken.</summary>
    internal long SentBytes { get; set; }

    /// <summary>Whether the guest's driver has taken it into use.</summary>
    internal bool IsReady { get; set; }
}
