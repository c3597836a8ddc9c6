using System.Security.Cryptography;

namespace Vivarium.Network;

/// <summary>
/// An Ethernet switch in the process. Its work is done on the threads that send, and ends in the receivers' queues. Any thread.
/// </summary>
public sealed partial class VirtualSwitch : IDisposable
{
    private readonly Lock _gate = new();
    private readonly MacTable _addresses;
    private readonly MulticastTable _groups;
    private readonly MulticastSnooper? _snooper;
    private readonly SwitchMeter _meter;
    private volatile SwitchPort[] _ports = [];
    private int _nextNumber = 1;
    private bool _disposed;

    /// <summary>Creates a switch without ports.</summary>
    /// <param name="time">The time by which addresses age, limits count and faults delay: the host's, or <see cref="VmTimeProvider"/>.</param>
    /// <param name="options">What it is; null for the defaults.</param>
    public VirtualSwitch(TimeProvider time, VirtualSwitchOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(time);
        options ??= new VirtualSwitchOptions();
        Time = time;
        Clock = new NetworkClock(time);
        Name = options.Name;
        Span<byte> random = stackalloc byte[8];
        RandomNumberGenerator.Fill(random);
        var key = (options.HashKey ?? BitConverter.ToUInt64(random)) | 1;
        _addresses = new MacTable(key, options.AddressAgeing.Ticks * 100);
        _groups = new MulticastTable(key, options.MulticastAgeing.Ticks * 100);
        _snooper = options.MulticastSnooping ? new MulticastSnooper(_groups) : null;
        _meter = new SwitchMeter(this);
    }

    /// <summary>Its name in statistics.</summary>
    public string Name { get; }

    /// <summary>Buffers for frames; devices may take theirs from here or from a pool of their own.</summary>
    public FramePool Pool { get; } = new();

    /// <summary>The ports as they are now.</summary>
    public IReadOnlyList<SwitchPort> Ports => _ports;

    /// <summary>Addresses in the table.</summary>
    public int KnownAddresses => _addresses.Count;

    internal TimeProvider Time { get; }

    internal NetworkClock Clock { get; }

    /// <summary>Adds a port whose device takes its frames from <paramref name="sink"/>.</summary>
    /// <exception cref="ArgumentException">An option is out of its range, or the address it locks is locked to another port.</exception>
    public SwitchPort AddPort(IFrameSink sink, SwitchPortOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(sink);
        options ??= new SwitchPortOptions();
        options.Validate();
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var port = new SwitchPort(this, _nextNumber, sink, options);
            if (options.LockedAddress is { } address && !TryLock(port, address))
            {
                throw new ArgumentException($"{address} is locked to another port of '{Name}': give each device an address of its own.", nameof(options));
            }

            _nextNumber++;
            _ports = [.. _ports, port];
            return port;
        }
    }

    /// <summary>
    /// Cuts the switch into parts that do not reach each other: one for each group of ports, and one of all ports that are in none.
    /// </summary>
    public void Partition(params IReadOnlyCollection<SwitchPort>[] groups)
    {
        ArgumentNullException.ThrowIfNull(groups);
        lock (_gate)
        {
            Heal();
            for (var i = 0; i < groups.Length; i++)
            {
                foreach (var port in groups[i])
                {
                    port.Partition = i + 1;
                }
            }
        }
    }

    /// <summary>Ends a partition.</summary>
    public void Heal()
    {
        lock (_gate)
        {
            foreach (var port in _ports)
            {
                port.Partition = 0;
            }
        }
    }

    /// <summary>Removes all ports.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
        }

        foreach (var port in _ports)
        {
            port.Dispose();
        }

        _meter.Dispose();
    }

    internal static ulong KeyOf(MacAddress address)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        address.Write(bytes);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    internal void Remove(SwitchPort port)
    {
        lock (_gate)
        {
            _ports = Array.FindAll(_ports, other => other != port);
        }

        _addresses.Flush(port);
        _groups.Flush(port);
    }

    internal void Flush(SwitchPort port)
    {
        _addresses.Flush(port);
        _groups.Flush(port);
        if (port.LockedAddress is { } address)
        {
            TryLock(port, address);
        }
    }

    /// <summary>Binds an address in the VLAN of the port's untagged frames; in the others the port's own check keeps strangers out.</summary>
    private bool TryLock(SwitchPort port, MacAddress address) =>
        port.Vlans.UntaggedVlan == 0 || _addresses.AddStatic(KeyOf(address) | ((ulong)port.Vlans.UntaggedVlan << 48), port);
}
