namespace Vivarium.Virtio;

/// <summary>One connection: two pipes and the credit of either side (Virtio 1.2 §5.10.6.3). Members without a remark need the device lock.</summary>
internal sealed class VsockConnection
{
    private readonly VirtioVsock _device;
    private bool _isClosed;
    private uint _received;
    private uint _announced;
    private uint _sent;
    private uint _guestBuffer;
    private uint _guestForwarded;

    public VsockConnection(VirtioVsock device, uint hostPort, uint guestPort, int bufferBytes)
    {
        _device = device;
        HostPort = hostPort;
        GuestPort = guestPort;
        FromGuest = new BytePipe(bufferBytes);
        ToGuest = new BytePipe(bufferBytes);
        FromGuest.OnRead = () => device.Wake(this);
        ToGuest.OnWritten = () => device.Wake(this);
    }

    public uint HostPort { get; }

    public uint GuestPort { get; }

    public BytePipe FromGuest { get; }

    public BytePipe ToGuest { get; }

    /// <summary>Set while the guest has not answered a connection that the host makes.</summary>
    public TaskCompletionSource<VsockStream>? Connecting { get; set; }

    /// <summary>What has to be sent before anything else.</summary>
    public VsockOperation Greeting { get; set; }

    /// <summary>Whether it has failed or was reset: the device knows it no more.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Whether it waits for its turn to send.</summary>
    public bool IsReady { get; set; }

    /// <summary>Whether the guest asked how much room there is.</summary>
    public bool IsCreditAsked { get; set; }

    /// <summary>Halves that the guest has ended (<see cref="VsockPacket.NoMoreReceiving"/>, <see cref="VsockPacket.NoMoreSending"/>).</summary>
    public uint GuestShutdown { get; set; }

    /// <summary>Halves whose end the guest was told.</summary>
    public uint ToldShutdown { get; private set; }

    /// <summary>Whether the host program has closed it. Any thread.</summary>
    public bool IsClosed => Volatile.Read(ref _isClosed);

    /// <summary>How many more bytes the guest has room for.</summary>
    private uint Credit => _guestBuffer - Math.Min(_guestBuffer, _sent - _guestForwarded);

    private uint Forwarded => _received - (uint)FromGuest.Count;

    private uint WantedShutdown =>
        (ToGuest.IsDrained ? VsockPacket.NoMoreSending : 0) | (IsClosed && ToGuest.IsDrained ? VsockPacket.NoMoreReceiving : 0);

    /// <summary>Any thread.</summary>
    public void CompleteWriting() => ToGuest.Complete();

    /// <summary>The host program is done with it. Any thread.</summary>
    public void Close()
    {
        Volatile.Write(ref _isClosed, true);
        ToGuest.Complete();
    }

    /// <summary>It is over for good, whatever is in it.</summary>
    public void Fail(string reason)
    {
        IsOver = true;
        var failure = new IOException(reason);
        Connecting?.TrySetException(failure);
        Connecting = null;
        ToGuest.Complete(failure);

        // Behind an orderly end what the guest sent can still be read.
        FromGuest.Complete(GuestShutdown != 0 ? null : failure);
    }

    /// <summary>Every packet says how much room its sender has.</summary>
    public void NoteCredit(in VsockPacket packet)
    {
        _guestBuffer = packet.BufferBytes;
        _guestForwarded = packet.ForwardedBytes;
    }

    /// <summary>Takes data from the guest; false if it sends more than it was given room for.</summary>
    public bool TryReceive(ReadOnlySpan<byte> data)
    {
        _received += (uint)data.Length;
        return IsClosed || FromGuest.TryWrite(data) == data.Length;
    }

    /// <summary>What to send next, with how much data; null if there is nothing, or no credit.</summary>
    public VsockOperation? Next(out int dataBytes)
    {
        dataBytes = 0;
        if (Greeting != VsockOperation.Invalid)
        {
            return Greeting;
        }

        if (Connecting is not null)
        {
            return null;
        }

        dataBytes = (GuestShutdown & VsockPacket.NoMoreReceiving) != 0 ? 0 : (int)Math.Min((uint)ToGuest.Count, Credit);
        if (dataBytes > 0)
        {
            return VsockOperation.Data;
        }

        return (WantedShutdown & ~ToldShutdown) != 0 ? VsockOperation.Shutdown

            // The guest hears of room when half of it is new.
            : IsCreditAsked || Forwarded - _announced > FromGuest.Capacity / 2 ? VsockOperation.CreditUpdate
            : null;
    }

    /// <summary>The header for what <see cref="Next"/> said, which counts as sent.</summary>
    public VsockPacket Send(VsockOperation operation, int dataBytes)
    {
        var flags = 0u;
        switch (operation)
        {
            case VsockOperation.Data:
                _sent += (uint)dataBytes;
                break;
            case VsockOperation.Shutdown:
                flags = ToldShutdown |= WantedShutdown;
                break;
            case VsockOperation.Request or VsockOperation.Response:
                Greeting = VsockOperation.Invalid;
                break;
        }

        IsCreditAsked = false;
        _announced = Forwarded;
        return new VsockPacket(
            VirtioVsock.HostCid, _device.GuestCid, HostPort, GuestPort, (uint)dataBytes, VsockPacket.StreamType, operation, flags, (uint)FromGuest.Capacity, _announced);
    }
}
