using System.Net;
using System.Security.Cryptography;

namespace Vivarium.Network.UserMode;

/// <summary>
/// A gateway on a port of a switch: it gives guests addresses and names, lets them reach outside over the host's sockets as far as its policy
/// allows, and lets this process and the outside reach them. Any thread.
/// </summary>
public sealed partial class UserModeGateway : IThreadPoolWorkItem, IDisposable
{
    private const int Batch = 64;
    private const int DhcpFirst = 15;
    private const int MostNeighbours = 4_096;
    private const long TickNs = 1_000_000_000;

    private readonly Lock _gate = new();
    private readonly NetworkClock _clock;
    private readonly UserModeOptions _options;
    private readonly FrameQueue _inbox;
    private readonly SwitchPort _port;
    private readonly FramePool _pool;
    private readonly FrameBuilder _builder;
    private readonly NeighbourTable _neighbours = new(MostNeighbours);
    private readonly Reassembler _reassembler = new();
    private readonly DhcpServer _dhcp;
    private readonly NameTable _names;
    private readonly ITimer _timer;
    private readonly EthernetFrame[] _received = new EthernetFrame[Batch];
    private readonly CancellationTokenSource _stop = new();
    private readonly IpAddress _network4;
    private readonly IpAddress _network6;
    private readonly IpAddress _address4;
    private readonly IpAddress _dns4;
    private readonly IpAddress _address6;
    private readonly IpAddress _linkLocal6;
    private readonly InitialSequences _sequences = new(System.Security.Cryptography.RandomNumberGenerator.GetBytes(32));
    private SeededRandom _random;
    private long _timerNs = long.MaxValue;
    private bool _disposed;

    /// <summary>Adds a gateway to a switch.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public UserModeGateway(VirtualSwitch network, UserModeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        _options = options ?? new UserModeOptions();
        _options.Validate();
        _clock = network.Clock;
        Span<byte> seed = stackalloc byte[8];
        RandomNumberGenerator.Fill(seed);
        _random = new SeededRandom(BitConverter.ToUInt64(seed));
        _network4 = IpAddress.From(_options.Network.BaseAddress);
        _address4 = _network4.Plus(2);
        _dns4 = _network4.Plus(3);
        _network6 = _options.Network6 is { } network6 ? IpAddress.From(network6.BaseAddress) : default;
        _address6 = _options.Network6 is null ? default : _network6.Plus(2);
        _linkLocal6 = LinkLocal(_options.Address);
        var size = 1u << (32 - _options.Network.PrefixLength);
        _dhcp = new DhcpServer(new DhcpSettings
        {
            Server = _address4,
            Router = _address4,
            Dns = _dns4,
            First = _network4.Plus(Math.Min(DhcpFirst, size / 2)),
            Last = _network4.Plus(size - 2),
            Mask = uint.MaxValue << (32 - _options.Network.PrefixLength),
            Domain = _options.Domain,
            MtuBytes = _options.MtuBytes,
            ExtraOptions = _options.DhcpOptions,
        });
        foreach (var (client, address) in _options.Reservations)
        {
            _dhcp.Reserve(client, IpAddress.From(address));
        }

        _names = new NameTable(_options.Domain);
        _names.Add("gateway", _address4);
        _pool = network.Pool;
        _builder = new FrameBuilder(_pool, _options.Address);
        _link = new TcpLink(this);
        _tcp4 = Settings(20);
        _tcp6 = Settings(40);
        _timer = _clock.CreateTimer(OnTimer);
        _inbox = new FrameQueue(() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false), maxFrames: 4_096, maxBytes: 32L << 20);
        _port = network.AddPort(new Inlet(this), new SwitchPortOptions
        {
            Name = "gateway",
            MtuBytes = _options.MtuBytes,
            LockedAddress = _options.Address,
            StormLimit = 0,
            IsMulticastRouter = true,
        });
        if (_options is { Network6: not null, RouterAdvertisements: true })
        {
            Locked(nowNs => SendRouterAdvertisement(AllNodes));
        }
    }

    /// <summary>The gateway's port, for its statistics, faults and limits.</summary>
    public SwitchPort Port => _port;

    /// <summary>The gateway's IPv4 address.</summary>
    public IPAddress Address => _address4.ToIPAddress();

    /// <summary>The gateway's IPv6 address, if it has one.</summary>
    public IPAddress? Address6 => _options.Network6 is null ? null : _address6.ToIPAddress();

    /// <summary>TCP connections there are.</summary>
    public int ConnectionCount
    {
        get
        {
            lock (_gate)
            {
                return _connections.Count;
            }
        }
    }

    /// <summary>UDP flows there are to the outside.</summary>
    public int UdpFlowCount
    {
        get
        {
            lock (_gate)
            {
                return _udpFlows.Count;
            }
        }
    }

    /// <summary>The guests that have an address by DHCP, and what they call themselves.</summary>
    public IReadOnlyList<DhcpLease> Leases
    {
        get
        {
            lock (_gate)
            {
                return [.. _dhcp.Leases.Select(lease => new DhcpLease(lease.Client, lease.Address.ToIPAddress(), lease.Name))];
            }
        }
    }

    /// <summary>Gives a machine of the network a name, in its domain; a name may have several addresses.</summary>
    public void AddName(string name, IPAddress address)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(address);
        if (name.Split('.').Any(label => label.Length is 0 or > 63 || label.Any(letter => !char.IsAsciiLetterOrDigit(letter) && letter is not ('-' or '_'))))
        {
            throw new ArgumentException($"'{name}' is no name for a machine: use letters, digits and hyphens, with dots between.", nameof(name));
        }

        lock (_gate)
        {
            _names.Add(name, IpAddress.From(address));
        }
    }

    /// <summary>Takes a name given by <see cref="AddName"/> away.</summary>
    public bool RemoveName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        lock (_gate)
        {
            return _names.Remove(name);
        }
    }

    /// <summary>Breaks off all connections and takes the gateway off its switch.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            AbortAll();
            CloseUdp();
            FlushOutbox();
            _neighbours.Clear();
        }

        _stop.Cancel();
        foreach (var forward in _forwards.Keys)
        {
            forward.Dispose();
        }

        _timer.Dispose();
        _port.Dispose();
        _inbox.Close();
        _stop.Dispose();
    }

    /// <summary>Does something under the lock, and sends what comes of it.</summary>
    internal void Locked(Action<long> action)
    {
        lock (_gate)
        {
            action(_clock.NowNs);
            FlushOutbox();
            Schedule();
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        int count;
        do
        {
            lock (_gate)
            {
                count = _inbox.Receive(_received);
                if (_disposed)
                {
                    EthernetFrame.Release(_received.AsSpan(0, count));
                    continue;
                }

                var nowNs = _clock.NowNs;
                foreach (var frame in _received.AsSpan(0, count))
                {
                    Receive(frame, nowNs);
                }

                EthernetFrame.Release(_received.AsSpan(0, count));
                OutputTouched(nowNs);
                FlushOutbox();
                Schedule();
            }
        }
        while (count == Batch);
    }

    private void OnTimer() => Locked(nowNs =>
    {
        if (_disposed)
        {
            return;
        }

        _timerNs = long.MaxValue;
        RunTcpDeadlines(nowNs);
        _neighbours.Tick(nowNs, Ask, address => VanishTo(address));
        ExpireUdp(nowNs);
    });

    private void Schedule()
    {
        if (_disposed)
        {
            return;
        }

        var nowNs = _clock.NowNs;
        var nextNs = NextTcpDeadlineNs;
        if (_neighbours.IsAsking || _udpFlows.Count > 0 || _echoFlows.Count > 0 || HasForwardFlows)
        {
            nextNs = Math.Min(nextNs, nowNs + TickNs);
        }

        // An earlier alarm is left as it is: it finds nothing due, and sets the next.
        if (nextNs < _timerNs)
        {
            _timerNs = nextNs;
            var wait = TimeSpan.FromTicks(Math.Max(0, (nextNs - nowNs) / 100) + 1);
            _timer.Change(wait < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1) : wait, Timeout.InfiniteTimeSpan);
        }
    }
}
