using System.Diagnostics.CodeAnalysis;
using Vivarium.Memory;

namespace Vivarium.Virtio;

/// <summary>
/// A device without its transport: features, status, configuration and queues (Virtio 1.2 ch. 2 and 3). A transport (<see cref="VirtioMmio"/>,
/// <see cref="VirtioPci"/>) makes it visible to a guest. All members need the device lock unless they say otherwise, and none throws for
/// anything that a guest does.
/// </summary>
public abstract partial class VirtioDevice : IStateUnit
{
    /// <summary>How many buffers one turn takes from a queue, so that a guest cannot keep the device lock.</summary>
    private const int BuffersPerTurn = 64;

    /// <summary>How many bytes one turn moves itself.</summary>
    private const long BytesPerTurn = 1 << 20;

    private const VirtioStatus DriverBits =
        VirtioStatus.Acknowledge | VirtioStatus.Driver | VirtioStatus.DriverOk | VirtioStatus.FeaturesOk | VirtioStatus.Failed;

    private readonly VirtioServices _services;
    private readonly Virtqueue[] _queues;
    private readonly byte[] _configuration;
    private VirtioStatus _status;
    private bool _isResetting;
    private bool _isRunning;

    /// <summary>Creates the device.</summary>
    /// <param name="services">The machine's.</param>
    /// <param name="stateName">Unique in its machine and the same in every version, such as <c>virtio-blk0</c>.</param>
    /// <param name="deviceType">The device's number in Virtio 1.2 ch. 5.</param>
    /// <param name="features">What it offers besides <see cref="VirtioFeatures.Common"/>.</param>
    /// <param name="configurationBytes">The size of its configuration space.</param>
    /// <param name="queueSizes">The most descriptors of each queue, powers of two to 32,768.</param>
    protected VirtioDevice(VirtioServices services, string stateName, int deviceType, ulong features, int configurationBytes, IReadOnlyList<int> queueSizes)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(stateName);
        ArgumentNullException.ThrowIfNull(queueSizes);
        _services = services;
        StateName = stateName;
        DeviceType = deviceType;
        OfferedFeatures = features | VirtioFeatures.Common;
        _configuration = new byte[configurationBytes];
        _queues = [.. queueSizes.Select((size, index) => new Virtqueue(this, index, CheckSize(size)))];
    }

    /// <inheritdoc/>
    public string StateName { get; }

    /// <summary>The device's number in Virtio 1.2 ch. 5: 2 is a disk.</summary>
    public int DeviceType { get; }

    /// <summary>The features that a driver can choose from.</summary>
    public ulong OfferedFeatures { get; }

    /// <summary>The features that the driver chose.</summary>
    public ulong DriverFeatures { get; private set; }

    /// <summary>The status as the driver reads it.</summary>
    public VirtioStatus Status => _status;

    /// <summary>Counts changes of the configuration space; the driver reads it before and after.</summary>
    public uint ConfigurationGeneration { get; private set; }

    /// <summary>The queues, by index.</summary>
    public IReadOnlyList<Virtqueue> Queues => _queues;

    /// <summary>The bytes of the configuration space.</summary>
    public int ConfigurationBytes => _configuration.Length;

    /// <summary>Guest memory.</summary>
    public GuestMemory Memory => _services.Memory;

    internal IVirtioTransport? Transport { get; private set; }

    /// <summary>Whether guest memory may be used: there is a transport, and it allows it.</summary>
    internal bool CanUseMemory => Transport is { CanUseMemory: true };

    /// <summary>The machine's services.</summary>
    protected VirtioServices Services => _services;

    /// <summary>Whether the driver is ready, so that queues are worked on.</summary>
    protected bool IsDriverReady => (_status & VirtioStatus.DriverOk) != 0 && !_isResetting;

    /// <summary>The configuration space, for the device to fill in.</summary>
    protected Span<byte> Configuration => _configuration;

    /// <summary>Whether requests are in flight on the host that use guest memory.</summary>
    protected virtual bool HasWorkInFlight => false;

    /// <summary>Makes the device visible through a transport. Once.</summary>
    /// <exception cref="InvalidOperationException">It has one already.</exception>
    public void Attach(IVirtioTransport transport)
    {
        ArgumentNullException.ThrowIfNull(transport);
        if (Transport is not null)
        {
            throw new InvalidOperationException($"The virtio device '{StateName}' has a transport already; create another device for this one.");
        }

        Transport = transport;
    }

    /// <summary>Chooses features, 32 bits of them; ignored when they are agreed on.</summary>
    public void WriteDriverFeatures(uint select, uint value)
    {
        if (select <= 1 && (_status & VirtioStatus.FeaturesOk) == 0)
        {
            var shift = (int)select * 32;
            DriverFeatures = (DriverFeatures & ~(0xFFFF_FFFFUL << shift)) | ((ulong)value << shift);
        }
    }

    /// <summary>Writes the status: 0 resets, bits can only be added otherwise.</summary>
    public void WriteStatus(byte value)
    {
        if (value == 0)
        {
            BeginReset();
            return;
        }

        if (_isResetting)
        {
            return;
        }

        var added = (VirtioStatus)value & DriverBits & ~_status;
        if ((added & VirtioStatus.FeaturesOk) != 0 && !AreFeaturesPossible())
        {
            added &= ~VirtioStatus.FeaturesOk;
        }

        if (((_status | added) & VirtioStatus.FeaturesOk) == 0)
        {
            added &= ~VirtioStatus.DriverOk;
        }

        _status |= added;
        if ((added & VirtioStatus.DriverOk) != 0)
        {
            OnDriverReady();
            ResumeQueues();
        }
    }

    /// <summary>Reads the configuration space; what is beyond it reads as zero.</summary>
    public void ReadConfiguration(ulong offset, Span<byte> destination)
    {
        destination.Clear();
        if (offset < (ulong)_configuration.Length)
        {
            var available = _configuration.AsSpan((int)offset);
            available[..Math.Min(available.Length, destination.Length)].CopyTo(destination);
        }
    }

    /// <summary>The driver writes its configuration space.</summary>
    public virtual void WriteConfiguration(ulong offset, ReadOnlySpan<byte> source)
    {
    }

    /// <summary>The driver kicks a queue; one that is not there is ignored.</summary>
    public void Notify(uint queue)
    {
        if (queue < (uint)_queues.Length && !_queues[queue].IsWorkPosted)
        {
            Work(_queues[queue]);
        }
    }

    /// <summary>Works on all queues, as guest memory may be used again.</summary>
    public void ResumeQueues()
    {
        if (_isRunning && CanUseMemory && IsDriverReady)
        {
            OnMemoryUsable();
            foreach (var queue in _queues)
            {
                Work(queue);
            }
        }
    }

    /// <summary>The driver changes a queue's size or addresses.</summary>
    internal void Configure(uint index, Action<Virtqueue, ulong> change, ulong value)
    {
        if (TryGetQueue(index, out var queue) && !_isResetting)
        {
            if (queue.IsEnabled)
            {
                queue.Break("been changed while it is in use");
            }
            else
            {
                change(queue, value);
            }
        }
    }

    /// <summary>The driver puts a queue into use.</summary>
    internal void EnableQueue(uint index)
    {
        if (TryGetQueue(index, out var queue) && !queue.IsEnabled && !_isResetting && (_status & VirtioStatus.FeaturesOk) != 0)
        {
            queue.Enable(DriverFeatures);
        }
    }

    /// <summary>The driver takes a queue out of use (MMIO only).</summary>
    internal void DisableQueue(uint index)
    {
        if (TryGetQueue(index, out var queue) && queue.IsEnabled && !_isResetting)
        {
            if (HasWorkInFlight)
            {
                queue.Break("been taken out of use with requests in flight");
            }
            else
            {
                queue.Disable();
            }
        }
    }

    internal bool TryGetQueue(uint index, [NotNullWhen(true)] out Virtqueue? queue)
    {
        queue = index < (uint)_queues.Length ? _queues[index] : null;
        return queue is not null;
    }

    /// <summary>Takes buffers for one turn; what is left is posted.</summary>
    internal void Work(Virtqueue queue)
    {
        queue.IsWorkPosted = false;
        if (_isRunning && IsDriverReady && CanUseMemory && queue.IsUsable)
        {
            OnKick(queue);
        }
    }

    /// <summary>The driver did what the device cannot go on from.</summary>
    internal void RequireReset(string reason)
    {
        if ((_status & VirtioStatus.DeviceNeedsReset) == 0)
        {
            _status |= VirtioStatus.DeviceNeedsReset;
            VirtioLog.NeedsReset(_services.Log, StateName, reason);
            if ((_status & VirtioStatus.DriverOk) != 0)
            {
                Transport?.SignalConfiguration();
            }
        }
    }

    /// <summary>There may be buffers in <paramref name="queue"/>. By default each is taken and given to <see cref="Process"/>.</summary>
    protected virtual void OnKick(Virtqueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        var buffers = BuffersPerTurn;
        var bytes = BytesPerTurn;
        do
        {
            while (queue.TryTake() is { } chain)
            {
                bytes -= Process(queue, chain);
                if (--buffers == 0 || bytes <= 0)
                {
                    queue.SignalDriver();
                    queue.IsWorkPosted = true;
                    _services.Events.Post(queue.Continue);
                    return;
                }
            }
        }
        while (queue.RequestKick());
        queue.SignalDriver();
    }

    /// <summary>Does what a buffer asks for, and completes it now or later.</summary>
    /// <returns>How many bytes were moved in the call.</returns>
    protected virtual long Process(Virtqueue queue, DescriptorChain chain) => 0;

    /// <summary>The driver is ready: features are agreed on, and queues are laid out.</summary>
    protected virtual void OnDriverReady()
    {
    }

    /// <summary>Guest memory can be used: what waited to be given back goes before new buffers.</summary>
    protected virtual void OnMemoryUsable()
    {
    }

    /// <summary>The driver resets the device: end what is in flight, and call <see cref="OnWorkEnded"/> when nothing is.</summary>
    protected virtual void CancelWork()
    {
    }

    /// <summary>Returns the device's own state to that after power-on. Nothing is in flight.</summary>
    protected abstract void ResetDevice();

    /// <summary>Nothing is in flight any more: a reset that waited for it is carried out.</summary>
    protected void OnWorkEnded()
    {
        if (_isResetting && !HasWorkInFlight)
        {
            Reset();
            Transport?.OnDeviceReset();
        }
    }

    /// <summary>Tells the driver that <see cref="Configuration"/> has changed.</summary>
    protected void AnnounceConfiguration()
    {
        ConfigurationGeneration++;
        if ((_status & VirtioStatus.DriverOk) != 0)
        {
            Transport?.SignalConfiguration();
        }
    }

    /// <summary>Whether the driver chose a feature.</summary>
    protected bool Has(ulong feature) => (DriverFeatures & feature) != 0;

    private static int CheckSize(int size) => size is > 0 and <= 1 << 15 && int.IsPow2(size)
        ? size
        : throw new ArgumentException($"A queue has a power of two of descriptors, at most 32,768; got {size}.");

    private bool AreFeaturesPossible() => (DriverFeatures & ~OfferedFeatures) == 0 && (DriverFeatures & VirtioFeatures.Version1) != 0;

    /// <summary>Until nothing is in flight the status keeps its bits, and a driver waits for that (Virtio 1.2 §2.4.2).</summary>
    private void BeginReset()
    {
        if (!_isResetting)
        {
            _isResetting = true;
            CancelWork();
            OnWorkEnded();
        }
    }
}
