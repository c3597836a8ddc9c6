using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <summary>
/// Sockets between the host program and programs in the guest (Virtio 1.2 §5.10), without a network: the host's side are streams. The guest's address
/// is <see cref="GuestCid"/>, the host's is 2. Connections of type stream.
/// </summary>
/// <remarks>
/// Both directions wait: a writer for a slow reader, by credit. What a guest can make the host hold is bounded: connections, bytes of each, those that
/// wait to be accepted, and answers that it does not take. A saved state holds no connections: where it is restored, both sides see them reset.
/// </remarks>
public sealed partial class VirtioVsock : VirtioDevice
{
    /// <summary>The host's address.</summary>
    public const uint HostCid = 2;

    private const ulong StreamFeature = 1;
    private const int ReceiveQueue = 0;
    private const int SendQueue = 1;
    private const int EventQueue = 2;
    private const int QueueSize = 256;
    private const int EventQueueSize = 16;
    private const uint FirstOwnPort = 0xC000_0000;

    private readonly VirtioVsockOptions _options;
    private readonly Lock _hostGate = new();
    private readonly Dictionary<uint, VsockListener> _listeners = [];
    private readonly Dictionary<(uint HostPort, uint GuestPort), VsockConnection> _connections = [];
    private uint _nextPort = FirstOwnPort;

    /// <summary>Creates the device.</summary>
    /// <param name="services">The machine's.</param>
    /// <param name="stateName">Such as <c>virtio-vsock0</c>.</param>
    /// <param name="options">How it shows itself.</param>
    /// <exception cref="ArgumentException">An option is impossible.</exception>
    public VirtioVsock(VirtioServices services, string stateName, VirtioVsockOptions? options = null)
        : base(services, stateName, deviceType: 19, StreamFeature, configurationBytes: 8, [QueueSize, QueueSize, EventQueueSize])
    {
        _options = options ?? new VirtioVsockOptions();
        _options.Validate();
        _pump = Pump;
        BinaryPrimitives.WriteUInt64LittleEndian(Configuration, _options.GuestCid);
    }

    /// <summary>The guest's address.</summary>
    public uint GuestCid => _options.GuestCid;

    /// <summary>
    /// Connects to a program that listens in the guest. Ends when the guest has answered, which needs the machine to run. Any thread, without the
    /// device lock.
    /// </summary>
    /// <exception cref="IOException">The guest refused, has no driver yet, or there are too many connections.</exception>
    public async Task<VsockStream> ConnectAsync(uint guestPort, CancellationToken cancellationToken = default)
    {
        var answer = new TaskCompletionSource<VsockStream>(TaskCreationOptions.RunContinuationsAsynchronously);
        VsockConnection? connection = null;
        Services.Events.Post(() => connection = Connect(guestPort, answer));
        using var registration = cancellationToken.Register(() =>
        {
            answer.TrySetCanceled(cancellationToken);
            Services.Events.Post(() => Abandon(connection));
        });
        return await answer.Task.ConfigureAwait(false);
    }

    /// <summary>Takes connections of the guest to a port of the host until the listener is disposed. Any thread.</summary>
    /// <exception cref="InvalidOperationException">The port is listened to already.</exception>
    public VsockListener Listen(uint hostPort)
    {
        var listener = new VsockListener(hostPort, Remove);
        lock (_hostGate)
        {
            if (!_listeners.TryAdd(hostPort, listener))
            {
                throw new InvalidOperationException($"The host listens to vsock port {hostPort} already; dispose that listener first.");
            }
        }

        return listener;
    }

    /// <inheritdoc/>
    public override void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        base.Save(writer);
        writer.Write(16, (ulong)GuestCid);
    }

    /// <inheritdoc/>
    public override void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        base.Restore(reader);
        if (reader.ReadUInt32(16) is var cid && cid != GuestCid)
        {
            throw new StateFormatException($"The saved '{StateName}' has the guest at address {cid}, this one at {GuestCid}; create it with that address.");
        }

        // The guest may believe in connections that nobody has any more.
        _mustTellReset = true;
    }

    /// <inheritdoc/>
    protected override void ResetDevice()
    {
        foreach (var connection in _connections.Values.ToArray())
        {
            connection.Fail("The guest's vsock driver was reset.");
        }

        _connections.Clear();
        _ready.Clear();
        _resets.Clear();
        _mustTellReset = false;
        _isSendHeld = false;
    }

    private void Remove(VsockListener listener)
    {
        lock (_hostGate)
        {
            if (_listeners.TryGetValue(listener.Port, out var present) && ReferenceEquals(present, listener))
            {
                _listeners.Remove(listener.Port);
            }
        }
    }

    private VsockConnection? Connect(uint guestPort, TaskCompletionSource<VsockStream> answer)
    {
        if (answer.Task.IsCompleted)
        {
            return null;
        }

        if (!IsDriverReady || _connections.Count >= _options.MaximumConnections)
        {
            answer.TrySetException(new IOException(IsDriverReady
                ? $"There are {_connections.Count} vsock connections already, as many as are allowed."
                : "The guest has no vsock driver yet; wait until it has booted."));
            return null;
        }

        while (_connections.ContainsKey((_nextPort, guestPort)))
        {
            _nextPort = Math.Max(FirstOwnPort, _nextPort + 1);
        }

        var connection = new VsockConnection(this, _nextPort, guestPort, _options.BufferBytes) { Connecting = answer, Greeting = VsockOperation.Request };
        _nextPort = Math.Max(FirstOwnPort, _nextPort + 1);
        _connections.Add((connection.HostPort, guestPort), connection);
        MakeReady(connection);
        Pump();
        return connection;
    }

    private void Abandon(VsockConnection? connection)
    {
        if (connection is { Connecting: not null })
        {
            Reset(connection, "The connection was abandoned.");
            Pump();
        }
    }
}
