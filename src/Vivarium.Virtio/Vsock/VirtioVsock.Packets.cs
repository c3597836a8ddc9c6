namespace Vivarium.Virtio;

/// <content>Packets from and to the guest.</content>
public sealed partial class VirtioVsock
{
    /// <summary>With so many resets that the guest has not taken, nothing more is taken from it.</summary>
    private const int MaximumResets = 256;

    private const int PacketsPerTurn = 64;
    private const int BytesPerTurn = 1 << 20;
    private const int MaximumDataBytes = 64 << 10;

    private readonly Queue<VsockConnection> _ready = new();
    private readonly Queue<VsockPacket> _resets = new();
    private readonly byte[] _data = new byte[MaximumDataBytes];
    private readonly Action _pump;

    /// <summary>Connections that the host program has read or written; under the gate.</summary>
    private readonly HashSet<VsockConnection> _woken = [];
    private int _pumpPosted;
    private bool _mustTellReset;

    /// <summary>Whether packets of the guest wait until it takes resets.</summary>
    private bool _isSendHeld;

    /// <summary>The host program has read or written. Any thread.</summary>
    internal void Wake(VsockConnection connection)
    {
        lock (_hostGate)
        {
            _woken.Add(connection);
        }

        PostPump();
    }

    /// <inheritdoc/>
    protected override void OnKick(Virtqueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        if (queue.Index == SendQueue)
        {
            TakePackets(queue);
        }

        Pump();
    }

    private void PostPump()
    {
        if (Interlocked.Exchange(ref _pumpPosted, 1) == 0)
        {
            Services.Events.Post(_pump);
        }
    }

    private void TakePackets(Virtqueue queue)
    {
        var left = BytesPerTurn;
        var packets = PacketsPerTurn;
        do
        {
            while (_resets.Count < MaximumResets && queue.TryTake() is { } chain)
            {
                left -= Receive(chain);
                queue.Complete(chain, 0);
                if (--packets == 0 || left <= 0)
                {
                    queue.SignalDriver();
                    queue.IsWorkPosted = true;
                    Services.Events.Post(queue.Continue);
                    return;
                }
            }
        }
        while (_resets.Count < MaximumResets && queue.RequestKick());
        _isSendHeld = _resets.Count >= MaximumResets;
        queue.SignalDriver();
    }

    private int Receive(DescriptorChain chain)
    {
        Span<byte> header = stackalloc byte[VsockPacket.Bytes];
        if (!chain.TryRead(0, header))
        {
            Queues[SendQueue].Break("a packet without room for its header");
            return 0;
        }

        var packet = VsockPacket.Parse(header);
        if (packet.SourceCid != GuestCid)
        {
            return 0;
        }

        if (packet.DestinationCid != HostCid || packet.Type != VsockPacket.StreamType)
        {
            Refuse(packet);
            return 0;
        }

        if (!_connections.TryGetValue((packet.DestinationPort, packet.SourcePort), out var connection))
        {
            Accept(packet);
            return 0;
        }

        connection.NoteCredit(packet);
        if (connection.Connecting is not null && packet.Operation is not (VsockOperation.Response or VsockOperation.Reset))
        {
            Reset(connection, "The guest did not answer as it should.");
            return 0;
        }

        switch (packet.Operation)
        {
            case VsockOperation.Response when connection.Connecting is { } answer:
                connection.Connecting = null;
                if (!answer.TrySetResult(new VsockStream(connection)))
                {
                    Reset(connection, "The connection was abandoned.");
                }

                break;
            case VsockOperation.Reset:
                Forget(connection, connection.Connecting is null ? "The guest reset the connection." : $"Nothing listens at port {connection.GuestPort} of the guest.");
                break;
            case VsockOperation.Shutdown:
                Shutdown(connection, packet.Flags);
                break;
            case VsockOperation.Data:
                return ReceiveData(connection, chain, packet);
            case VsockOperation.CreditUpdate:
                break;
            case VsockOperation.CreditRequest:
                connection.IsCreditAsked = true;
                break;
            default:
                Reset(connection, "The guest sent what does not belong here.");
                break;
        }

        MakeReady(connection);
        return 0;
    }

    private int ReceiveData(VsockConnection connection, DescriptorChain chain, in VsockPacket packet)
    {
        if (packet.DataBytes > chain.ReadableBytes - VsockPacket.Bytes || packet.DataBytes > (uint)_options.BufferBytes || (connection.GuestShutdown & VsockPacket.NoMoreSending) != 0)
        {
            Reset(connection, "The guest sent more than it may.");
            return 0;
        }

        for (var done = 0; done < packet.DataBytes;)
        {
            var part = _data.AsSpan(0, (int)Math.Min(_data.Length, packet.DataBytes - done));
            chain.TryRead(VsockPacket.Bytes + done, part);
            if (!connection.TryReceive(part))
            {
                Reset(connection, "The guest sent more than it was given room for.");
                return done;
            }

            done += part.Length;
        }

        MakeReady(connection);
        return (int)packet.DataBytes;
    }

    /// <summary>A packet for which there is no connection: a new one, or nothing.</summary>
    private void Accept(in VsockPacket packet)
    {
        VsockListener? listener;
        lock (_hostGate)
        {
            _listeners.TryGetValue(packet.DestinationPort, out listener);
        }

        if (packet.Operation != VsockOperation.Request || listener is null || _connections.Count >= _options.MaximumConnections)
        {
            Refuse(packet);
            return;
        }

        var connection = new VsockConnection(this, packet.DestinationPort, packet.SourcePort, _options.BufferBytes) { Greeting = VsockOperation.Response };
        connection.NoteCredit(packet);
        if (!listener.TryAdd(new VsockStream(connection)))
        {
            Refuse(packet);
            return;
        }

        _connections.Add((connection.HostPort, connection.GuestPort), connection);
        MakeReady(connection);
    }

    private void Shutdown(VsockConnection connection, uint flags)
    {
        connection.GuestShutdown |= flags & (VsockPacket.NoMoreReceiving | VsockPacket.NoMoreSending);
        if ((connection.GuestShutdown & VsockPacket.NoMoreReceiving) != 0)
        {
            connection.ToGuest.Complete(new IOException("The program in the guest receives no more."));
        }

        if ((connection.GuestShutdown & VsockPacket.NoMoreSending) != 0)
        {
            connection.FromGuest.Complete();
        }

        if (connection.GuestShutdown == (VsockPacket.NoMoreReceiving | VsockPacket.NoMoreSending))
        {
            // An orderly end is confirmed by a reset.
            Reset(connection, "The guest has closed the connection.");
        }
    }

    /// <summary>Ends a connection and tells the guest.</summary>
    private void Reset(VsockConnection connection, string reason)
    {
        Forget(connection, reason);
        _resets.Enqueue(connection.Send(VsockOperation.Reset, 0));
    }

    private void Forget(VsockConnection connection, string reason)
    {
        _connections.Remove((connection.HostPort, connection.GuestPort));
        connection.Fail(reason);
    }

    private void Refuse(in VsockPacket packet)
    {
        if (packet.Operation != VsockOperation.Reset)
        {
            _resets.Enqueue(new VsockPacket(
                packet.DestinationCid, packet.SourceCid, packet.DestinationPort, packet.SourcePort, 0, packet.Type, VsockOperation.Reset, 0, 0, 0));
        }
    }

    private void MakeReady(VsockConnection connection)
    {
        if (!connection.IsReady && !connection.IsOver)
        {
            connection.IsReady = true;
            _ready.Enqueue(connection);
        }
    }

    /// <summary>Sends what there is to send, as far as the guest has given buffers.</summary>
    private void Pump()
    {
        Volatile.Write(ref _pumpPosted, 0);
        lock (_hostGate)
        {
            foreach (var connection in _woken)
            {
                MakeReady(connection);
            }

            _woken.Clear();
        }

        if (!IsDriverReady || !CanUseMemory)
        {
            return;
        }

        TellReset();
        var queue = Queues[ReceiveQueue];
        var left = BytesPerTurn;
        do
        {
            while (HasPacket(out var connection, out var operation, out var dataBytes))
            {
                if (queue.TryTake() is not { } chain)
                {
                    break;
                }

                left -= Send(queue, chain, connection, operation, dataBytes);
                if (left <= 0)
                {
                    PostPump();
                    EndPump(queue);
                    return;
                }
            }
        }
        while ((_resets.Count > 0 || _ready.Count > 0) && queue.RequestKick());
        EndPump(queue);
    }

    private void EndPump(Virtqueue queue)
    {
        queue.SignalDriver();
        if (_isSendHeld && _resets.Count < MaximumResets)
        {
            _isSendHeld = false;
            Queues[SendQueue].IsWorkPosted = true;
            Services.Events.Post(Queues[SendQueue].Continue);
        }
    }

    /// <summary>What is to be sent next: resets first, then each connection in turn. Connections that have nothing leave the line.</summary>
    private bool HasPacket(out VsockConnection? connection, out VsockOperation operation, out int dataBytes)
    {
        connection = null;
        operation = VsockOperation.Reset;
        dataBytes = 0;
        if (_resets.Count > 0)
        {
            return true;
        }

        while (_ready.TryPeek(out connection))
        {
            if (!connection.IsOver && connection.Next(out dataBytes) is { } next)
            {
                operation = next;
                return true;
            }

            connection.IsReady = false;
            _ready.Dequeue();
        }

        return false;
    }

    /// <summary>Sends one packet; how many bytes that moved, and some for the packet itself.</summary>
    private int Send(Virtqueue queue, DescriptorChain chain, VsockConnection? connection, VsockOperation operation, int dataBytes)
    {
        Span<byte> header = stackalloc byte[VsockPacket.Bytes];
        if (chain.WritableBytes <= VsockPacket.Bytes)
        {
            queue.Break("a buffer without room for a packet");
            queue.Complete(chain, 0);
            return 0;
        }

        if (connection is null)
        {
            _resets.Dequeue().Write(header);
        }
        else
        {
            dataBytes = (int)Math.Min(Math.Min(dataBytes, MaximumDataBytes), chain.WritableBytes - VsockPacket.Bytes);
            dataBytes = dataBytes == 0 ? 0 : connection.ToGuest.TryRead(_data.AsSpan(0, dataBytes));
            connection.Send(operation, dataBytes).Write(header);
            chain.TryWrite(VsockPacket.Bytes, _data.AsSpan(0, dataBytes));

            // To the end of the line.
            _ready.Enqueue(_ready.Dequeue());
        }

        chain.TryWrite(0, header);
        queue.Complete(chain, (uint)(VsockPacket.Bytes + dataBytes));
        return (BytesPerTurn / 1024) + dataBytes;
    }

    /// <summary>Behind a restore the guest's driver resets all its connections, and reads its address again.</summary>
    private void TellReset()
    {
        var events = Queues[EventQueue];
        if (_mustTellReset && events.TryTake() is { } chain)
        {
            _mustTellReset = false;
            chain.TryWrite(0, (ReadOnlySpan<byte>)[0, 0, 0, 0]);
            events.Complete(chain, 4);
            events.SignalDriver();
        }
    }
}
