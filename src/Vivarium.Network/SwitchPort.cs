namespace Vivarium.Network;

/// <summary>
/// One socket of a <see cref="VirtualSwitch"/>. What its device sends goes in by <see cref="Send"/>; what is for the device comes out at the sink
/// given to <see cref="VirtualSwitch.AddPort"/>. Any thread.
/// </summary>
public sealed partial class SwitchPort : IFrameSink, IDisposable
{
    private readonly VirtualSwitch _owner;
    private readonly IFrameSink _sink;
    private readonly Lock _stormGate = new();
    private readonly int _maxFrameBytes;
    private volatile VlanMembership _vlans;
    private TokenBucket _stormTokens;
    private volatile bool _isUp = true;
    private volatile bool _isRemoved;

    internal SwitchPort(VirtualSwitch owner, int number, IFrameSink sink, SwitchPortOptions options)
    {
        _owner = owner;
        _sink = sink;
        _vlans = options.Vlans;
        _maxFrameBytes = options.MtuBytes + 14;
        Number = number;
        Name = options.Name ?? $"port{number}";
        MtuBytes = options.MtuBytes;
        MaxMacAddresses = options.MaxMacAddresses;
        MaxGroups = options.MaxMulticastGroups;
        LockedAddress = options.LockedAddress;
        IsolationGroup = options.IsolationGroup;
        IsMulticastRouter = options.IsMulticastRouter;
        HasStormLimit = options.StormLimit > 0;
        _stormTokens = new TokenBucket(options.StormLimit, Math.Max(1, options.StormLimit / 10), owner.Clock.NowNs);
        LockedKey = options.LockedAddress is { } address ? VirtualSwitch.KeyOf(address) : 0;
    }

    /// <summary>Raised when the link goes up or down, with true for up. Handlers run on the caller's thread and must not block.</summary>
    public event Action<bool>? LinkChanged;

    /// <summary>Its name in statistics and captures.</summary>
    public string Name { get; }

    /// <summary>Its number, unique in its switch.</summary>
    public int Number { get; }

    /// <summary>The longest IP packet that the link carries.</summary>
    public int MtuBytes { get; }

    /// <summary>The only address that may be behind it, if there is such.</summary>
    public MacAddress? LockedAddress { get; }

    /// <summary>A switch takes everything, and does for a receiver what that cannot.</summary>
    public FrameCapabilities Capabilities => FrameCapabilities.All;

    /// <summary>The VLANs it belongs to; may be changed at any time.</summary>
    public VlanMembership Vlans
    {
        get => _vlans;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            _vlans = value;
            _owner.Flush(this);
        }
    }

    /// <summary>Ports of the same group other than 0 do not reach each other; may be changed at any time.</summary>
    public int IsolationGroup { get; set; }

    /// <summary>Whether the cable is plugged in. Taking it out loses what is on its way and forgets what was behind it.</summary>
    public bool IsLinkUp
    {
        get => _isUp;
        set
        {
            if (_isUp == value)
            {
                return;
            }

            _isUp = value;
            if (!value)
            {
                _ingress?.Clear();
                _egress?.Clear();
                _owner.Flush(this);
            }

            LinkChanged?.Invoke(value);
        }
    }

    /// <summary>What has passed it.</summary>
    public PortStatistics Statistics => Counters.Read();

    internal PortCounters Counters { get; } = new();

    internal bool IsMulticastRouter { get; }

    internal bool HasStormLimit { get; }

    internal ulong LockedKey { get; }

    internal int Partition { get; set; }

    internal int MaxMacAddresses { get; }

    internal int MaxGroups { get; }

    /// <summary>Entries of the table of addresses; under that table's lock, as are the next.</summary>
    internal int MacCount { get; set; }

    internal long LastMacSweepNs { get; set; } = long.MinValue / 2;

    internal int GroupCount { get; set; }

    /// <summary>The entries that its last frames met. Threads may overwrite each other's: each value is right by itself.</summary>
    internal MacEntry? LastSource { get; set; }

    internal MacEntry? LastDestination { get; set; }

    /// <summary>Takes frames from the device. See <see cref="IFrameSink.Send"/>.</summary>
    public void Send(ReadOnlySpan<EthernetFrame> frames)
    {
        if (frames.IsEmpty)
        {
            return;
        }

        Counters.Received(frames.Length, BytesOf(frames));
        if (!_isUp || _isRemoved)
        {
            Drop(frames, DropReason.LinkDown);
            return;
        }

        if (_taps is { } taps)
        {
            Tap(taps, frames, CaptureDirection.FromDevice);
        }

        if (_ingress is { } pacer)
        {
            pacer.Submit(frames);
        }
        else
        {
            _owner.Forward(this, frames);
        }
    }

    /// <summary>Takes the port out of its switch.</summary>
    public void Dispose()
    {
        if (_isRemoved)
        {
            return;
        }

        _isRemoved = true;
        _owner.Remove(this);
        DisposePacers();
    }

    /// <summary>Takes frames for the device, in the form that the port's VLANs want.</summary>
    internal void Deliver(ReadOnlySpan<EthernetFrame> frames)
    {
        if (!_isUp || _isRemoved)
        {
            Drop(frames, DropReason.LinkDown);
            return;
        }

        Counters.Sent(frames.Length, BytesOf(frames));
        if (_taps is { } taps)
        {
            Tap(taps, frames, CaptureDirection.ToDevice);
        }

        if (_egress is { } pacer)
        {
            pacer.Submit(frames);
        }
        else
        {
            Emit(frames);
        }
    }

    internal bool TakeStormToken(long nowNs)
    {
        lock (_stormGate)
        {
            if (!_stormTokens.CanTake(1, nowNs))
            {
                return false;
            }

            _stormTokens.Take(1);
            return true;
        }
    }

    internal void Drop(ReadOnlySpan<EthernetFrame> frames, DropReason reason)
    {
        Counters.Drop(reason, frames.Length);
        EthernetFrame.Release(frames);
    }

    internal void Drop(EthernetFrame frame, DropReason reason)
    {
        Counters.Drop(reason);
        frame.Release();
    }

    /// <summary>Hands frames to the device, each in a form that it can take.</summary>
    private void Emit(ReadOnlySpan<EthernetFrame> frames)
    {
        var missing = ~_sink.Capabilities;
        var start = 0;
        for (var i = 0; i < frames.Length; i++)
        {
            var frame = frames[i];
            if (frame.Length <= _maxFrameBytes && (frame.Offload.Required & missing) == 0)
            {
                continue;
            }

            if (i > start)
            {
                _sink.Send(frames[start..i]);
            }

            EmitSpecial(frame, missing);
            start = i + 1;
        }

        if (start < frames.Length)
        {
            _sink.Send(frames[start..]);
        }
    }

    private void EmitSpecial(EthernetFrame frame, FrameCapabilities missing)
    {
        var limit = _maxFrameBytes + (VlanTag.TryRead(frame.Data, out _) ? VlanTag.Bytes : 0);
        if (FrameFinisher.LongestPieceBytes(frame) > limit)
        {
            Drop(frame, DropReason.TooLong);
        }
        else if (!FrameFinisher.Finish(frame, missing, _sink, static (sink, pieces) => sink.Send(pieces)))
        {
            Counters.Drop(DropReason.Malformed);
        }
    }

    private static long BytesOf(ReadOnlySpan<EthernetFrame> frames)
    {
        var bytes = 0L;
        foreach (var frame in frames)
        {
            bytes += frame.Length;
        }

        return bytes;
    }
}
