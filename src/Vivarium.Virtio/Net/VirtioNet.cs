using System.Buffers.Binary;

namespace Vivarium.Virtio;

/// <summary>
/// A network device (Virtio 1.2 §5.1) between a guest's driver and an <see cref="IFrameSink"/>, such as a port of a switch: several pairs of
/// queues, checksums and segmentation left to the other side in both directions, mergeable receive buffers, a control queue, link state, MTU.
/// </summary>
/// <remarks>
/// <para>A kick sends the first frames on the vCPU's thread, for a short way; what is more goes in turns on the machine's event queue, as does
/// everything for the guest. While the guest has no room, frames wait within a bound, then are dropped, as on a wire.</para>
/// <para>A saved state holds what the driver set up, and no frames. A guest that was restored is asked to announce itself to the network.</para>
/// </remarks>
public sealed partial class VirtioNet : VirtioDevice
{
    /// <summary>How many frames one turn moves.</summary>
    internal const int FramesPerTurn = 64;

    private const int NetDeviceType = 1;
    private const uint SpeedMbps = 10_000;

    private readonly FramePool _pool;
    private readonly NetQueue[] _receiveQueues;
    private readonly NetQueue[] _transmitQueues;
    private readonly NetReceiver _receiver;
    private readonly MacAddress _address;
    private readonly Action _showLink;
    private volatile IFrameSink? _output;
    private volatile bool _isLinkUp = true;
    private ulong _guestOffloads;
    private bool _announces;

    /// <summary>Creates a network device that is connected to nothing.</summary>
    /// <param name="services">The machine's.</param>
    /// <param name="stateName">Such as <c>virtio-net0</c>.</param>
    /// <param name="pool">Where buffers for frames of the guest come from, such as the switch's.</param>
    /// <param name="options">How it shows itself.</param>
    /// <exception cref="ArgumentException">An option is impossible.</exception>
    public VirtioNet(VirtioServices services, string stateName, FramePool pool, VirtioNetOptions? options = null)
        : base(services, stateName, NetDeviceType, FeaturesOf(options ??= new VirtioNetOptions()), NetBits.ConfigurationBytes, QueueSizes(options))
    {
        ArgumentNullException.ThrowIfNull(pool);
        _pool = pool;
        _address = options.Address;
        _receiveQueues = [.. Enumerable.Range(0, options.QueuePairs).Select(pair => new NetQueue(this, Queues[2 * pair], pair))];
        _transmitQueues = [.. Enumerable.Range(0, options.QueuePairs).Select(pair => new NetQueue(this, Queues[(2 * pair) + 1], pair))];
        foreach (var queue in _receiveQueues)
        {
            queue.Waiting = new FrameQueue(() => OnReadable(queue), options.WaitingFrames, options.WaitingBytes);
        }

        _receiver = new NetReceiver([.. _receiveQueues.Select(queue => queue.Waiting!)], new ReceiveFilter { Own = _address });
        _showLink = ShowLink;
        FillConfiguration(options);
    }

    /// <summary>Where the network puts frames for the guest.</summary>
    public IFrameSink Input => _receiver;

    /// <summary>The address that it has; a driver may choose another.</summary>
    public MacAddress Address => _receiver.Filter.Own;

    /// <summary>Frames that came while too many waited for the guest.</summary>
    public long DroppedFrames => _receiveQueues.Sum(queue => queue.Waiting!.DroppedFrames);

    /// <summary>How many pairs of queues the driver uses.</summary>
    public int ActivePairs => _receiver.ActivePairs;

    /// <summary>Whether the guest sees a cable that is plugged in. May be changed at any time; it is told when its machine runs.</summary>
    public bool IsLinkUp
    {
        get => _isLinkUp;
        set
        {
            _isLinkUp = value;
            Services.Events.Post(_showLink);
        }
    }

    /// <summary>Where frames of the guest go from now on; null for nowhere. Any thread.</summary>
    public void Connect(IFrameSink? output) => _output = output;

    /// <inheritdoc/>
    public override void Start()
    {
        ShowLink();
        base.Start();
    }

    /// <inheritdoc/>
    public override void Stop()
    {
        base.Stop();

        // What is saved now must not miss buffers that wait for more of their kind.
        foreach (var queue in _receiveQueues)
        {
            queue.ReturnHeld();
        }
    }

    /// <inheritdoc/>
    protected override void OnKick(Virtqueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        var pair = queue.Index / 2;
        if (queue.Index == ControlQueueIndex)
        {
            base.OnKick(queue);
        }
        else if (pair >= _receiver.ActivePairs)
        {
            // Queues that the driver has not switched on are left alone (§5.1.6.5.5).
        }
        else if (queue.Index % 2 == 1)
        {
            Transmit(_transmitQueues[pair]);
        }
        else if (_receiveQueues[pair] is { IsTurn: false } waiting)
        {
            PostTurn(waiting);
        }
        else
        {
            Receive(_receiveQueues[pair]);
        }
    }

    /// <inheritdoc/>
    protected override void OnDriverReady()
    {
        _guestOffloads = DriverFeatures & NetBits.SwitchableOffloads;
        OpenReceiver();
    }

    /// <inheritdoc/>
    protected override void ResetDevice()
    {
        _receiver.IsOpen = false;
        _receiver.Capabilities = FrameCapabilities.None;
        _receiver.Filter = new ReceiveFilter { Own = _address };
        _receiver.ActivePairs = 1;
        _guestOffloads = 0;
        _announces = false;
        foreach (var queue in _receiveQueues)
        {
            queue.ReturnHeld();
            queue.Clear();
        }

        WriteStatusField();
    }

    private static ulong FeaturesOf(VirtioNetOptions options) => NetBits.All | (options.QueuePairs > 1 ? NetBits.MultiQueue : 0);

    private static int[] QueueSizes(VirtioNetOptions options)
    {
        options.Validate();
        return [.. Enumerable.Repeat(options.QueueSize, 2 * options.QueuePairs), 64];
    }

    private void FillConfiguration(VirtioNetOptions options)
    {
        options.Address.Write(Configuration);
        BinaryPrimitives.WriteUInt16LittleEndian(Configuration[NetBits.PairsOffset..], (ushort)options.QueuePairs);
        BinaryPrimitives.WriteUInt16LittleEndian(Configuration[NetBits.MtuOffset..], (ushort)options.MtuBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(Configuration[NetBits.SpeedOffset..], SpeedMbps);
        Configuration[NetBits.DuplexOffset] = 1;
        WriteStatusField();
    }

    private void OpenReceiver()
    {
        _receiver.Capabilities = CapabilitiesOf(_guestOffloads);
        _receiver.IsOpen = true;
    }

    /// <summary>Segments can only be left uncut to a driver that completes checksums, and UDP only to one that takes both kinds of IP.</summary>
    private static FrameCapabilities CapabilitiesOf(ulong offloads)
    {
        if ((offloads & NetBits.GuestChecksum) == 0)
        {
            return FrameCapabilities.None;
        }

        const ulong Udp = NetBits.GuestUso4 | NetBits.GuestUso6;
        return FrameCapabilities.Checksum
            | ((offloads & NetBits.GuestTso4) != 0 ? FrameCapabilities.Tcp4Segmentation : 0)
            | ((offloads & NetBits.GuestTso6) != 0 ? FrameCapabilities.Tcp6Segmentation : 0)
            | ((offloads & Udp) == Udp ? FrameCapabilities.UdpSegmentation : 0);
    }

    private void PostTurn(NetQueue queue)
    {
        queue.Queue.IsWorkPosted = true;
        Services.Events.Post(queue.Turn);
    }

    /// <summary>Tells the driver of the link, if it has changed.</summary>
    private void ShowLink()
    {
        var before = Configuration[NetBits.StatusOffset];
        WriteStatusField();
        if (Configuration[NetBits.StatusOffset] != before)
        {
            AnnounceConfiguration();
        }
    }

    private void WriteStatusField() =>
        Configuration[NetBits.StatusOffset] = (byte)((_isLinkUp ? NetBits.LinkUp : 0) | (_announces ? NetBits.Announce : 0));
}
