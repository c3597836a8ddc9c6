using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Numerics;
using System.Text;

namespace Vivarium.Virtio;

/// <summary>
/// A disk (Virtio 1.2 §5.2) over an <see cref="IBlockBackend"/>: any number of queues, flush, discard, write-zeroes, serial number, topology,
/// resize while it is in use.
/// </summary>
/// <remarks>
/// <para>The host reads and writes guest memory itself, without a copy. Requests that the back end completes at once are given back in the kick;
/// others come back through the machine's event queue. What the host cannot do is an I/O error for the guest, and the disk goes on.</para>
/// <para>A pause waits for what the host has begun; what it had not begun is begun again when the machine goes on, here or where its state is
/// restored. Without the flush feature each write is flushed before it completes.</para>
/// </remarks>
public sealed partial class VirtioBlock : VirtioDevice
{
    internal const int SerialBytes = 20;

    /// <summary>A request of more bytes goes to the host in several steps, so that what it takes of the host's memory is bounded.</summary>
    private const int StepBytes = 4 << 20;
    private const int BlockConfigurationBytes = 60;
    private const int PhysicalBlockBytes = 4096;

    private readonly IBlockBackend _backend;
    private readonly byte[] _serial = new byte[SerialBytes];
    private readonly Stack<BlockRequest> _free = new();
    private readonly HashSet<BlockRequest> _active = [];
    private readonly ConcurrentQueue<BlockRequest> _completed = new();
    private readonly Action _takeCompleted;

    /// <summary>Guards <see cref="_onHost"/>, which the host's threads count down.</summary>
    private readonly object _hostGate = new();
    private int _onHost;
    private int _takePosted;
    private CancellationTokenSource _cancellation = new();
    private bool _isStopping;
    private bool _failureLogged;
    private long _capacityBytes;

    /// <summary>Creates a disk.</summary>
    /// <param name="services">The machine's.</param>
    /// <param name="stateName">Such as <c>virtio-blk0</c>.</param>
    /// <param name="backend">Stays the caller's; must outlive the machine.</param>
    /// <param name="options">How the disk shows itself.</param>
    /// <exception cref="ArgumentException">An option is impossible.</exception>
    public VirtioBlock(VirtioServices services, string stateName, IBlockBackend backend, VirtioBlockOptions? options = null)
        : base(services, stateName, deviceType: 2, FeaturesOf(backend), BlockConfigurationBytes, QueueSizes(options ??= new VirtioBlockOptions()))
    {
        _backend = backend;
        Encoding.ASCII.GetBytes(options.SerialNumber, _serial);
        _takeCompleted = TakeCompleted;
        FillConfiguration(options);
        ShowCapacity(_backend.SizeBytes);
    }

    /// <summary>The size that the guest sees, in bytes.</summary>
    public long CapacityBytes => Volatile.Read(ref _capacityBytes);

    /// <inheritdoc/>
    protected override bool HasWorkInFlight => _active.Count > 0;

    /// <inheritdoc/>
    public override void Start()
    {
        _isStopping = false;
        if (_cancellation.IsCancellationRequested)
        {
            _cancellation = new CancellationTokenSource();
        }

        if (RoundDown(_backend.SizeBytes) != CapacityBytes && _resize is null)
        {
            ShowCapacity(_backend.SizeBytes);
            AnnounceConfiguration();
        }

        base.Start();
    }

    /// <inheritdoc/>
    public override void Stop()
    {
        base.Stop();
        _isStopping = true;
        _cancellation.Cancel();
        lock (_hostGate)
        {
            while (_onHost > 0)
            {
                Monitor.Wait(_hostGate);
            }
        }

        TakeCompleted();
    }

    /// <summary>The host's thread: a step is over. Guest memory that it wrote is marked here, as nobody needs to wait for that.</summary>
    internal void OnStepCompleted(BlockRequest request)
    {
        EndStep(request);
        _completed.Enqueue(request);
        PostTakeCompleted();
        lock (_hostGate)
        {
            if (--_onHost == 0)
            {
                Monitor.PulseAll(_hostGate);
            }
        }
    }

    /// <inheritdoc/>
    protected override void CancelWork()
    {
        _cancellation.Cancel();
        TakeCompleted();
    }

    /// <inheritdoc/>
    protected override void OnMemoryUsable()
    {
        TakeCompleted();
        ResumeSuspended();
    }

    /// <inheritdoc/>
    protected override void ResetDevice()
    {
        foreach (var request in _active)
        {
            request.Release();
        }

        _active.Clear();
        _suspended.Clear();
        _completed.Clear();
        _failureLogged = false;
        if (!_isStopping && _cancellation.IsCancellationRequested)
        {
            _cancellation = new CancellationTokenSource();
        }

        ReleaseOlder();
    }

    private static ulong FeaturesOf(IBlockBackend backend)
    {
        ArgumentNullException.ThrowIfNull(backend);
        var features = BlockBits.SegmentMaximum | BlockBits.BlockSize | BlockBits.Flush | BlockBits.Topology | BlockBits.MultiQueue;
        return backend.IsReadOnly
            ? features | BlockBits.ReadOnly
            : features | BlockBits.WriteZeroes | (backend.Capabilities.CanDiscard ? BlockBits.Discard : 0);
    }

    private static int[] QueueSizes(VirtioBlockOptions options)
    {
        options.Validate();
        return [.. Enumerable.Repeat(options.QueueSize, options.QueueCount)];
    }

    private void FillConfiguration(VirtioBlockOptions options)
    {
        var granularity = Math.Max(_backend.Capabilities.DiscardGranularityBytes, BlockBits.SectorBytes);
        var configuration = Configuration;
        BinaryPrimitives.WriteInt32LittleEndian(configuration[12..], options.QueueSize - 2);
        BinaryPrimitives.WriteInt32LittleEndian(configuration[20..], _backend.BlockSizeBytes);
        configuration[24] = (byte)BitOperations.Log2((uint)(PhysicalBlockBytes / _backend.BlockSizeBytes));
        BinaryPrimitives.WriteUInt16LittleEndian(configuration[26..], (ushort)(PhysicalBlockBytes / _backend.BlockSizeBytes));
        configuration[32] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(configuration[34..], (ushort)options.QueueCount);
        BinaryPrimitives.WriteInt32LittleEndian(configuration[36..], MaximumDiscardSectors);
        BinaryPrimitives.WriteInt32LittleEndian(configuration[40..], BlockBits.MaximumRanges);
        BinaryPrimitives.WriteInt32LittleEndian(configuration[44..], granularity / BlockBits.SectorBytes);
        BinaryPrimitives.WriteInt32LittleEndian(configuration[48..], MaximumZeroSectors);
        BinaryPrimitives.WriteInt32LittleEndian(configuration[52..], BlockBits.MaximumRanges);
        configuration[56] = 1;
    }

    private void ShowCapacity(long sizeBytes)
    {
        Volatile.Write(ref _capacityBytes, RoundDown(sizeBytes));
        BinaryPrimitives.WriteInt64LittleEndian(Configuration, CapacityBytes / BlockBits.SectorBytes);
    }

    private long RoundDown(long sizeBytes) => sizeBytes - (sizeBytes % _backend.BlockSizeBytes);

    private void PostTakeCompleted()
    {
        if (Interlocked.Exchange(ref _takePosted, 1) == 0)
        {
            Services.Events.Post(_takeCompleted);
        }
    }
}
