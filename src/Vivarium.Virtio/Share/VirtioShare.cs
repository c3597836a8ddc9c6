using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Text;

namespace Vivarium.Virtio;

/// <summary>
/// A folder of the host for the guest to mount, in the protocol 9P2000.L (device 9; the transport is that of Linux's <c>trans=virtio</c>):
/// <c>mount -t 9p -o trans=virtio,version=9p2000.L TAG /mnt</c>. On 64-bit Linux hosts.
/// </summary>
/// <remarks>
/// <para>No name and no symbolic link leads out of the folder: each step of a path is one name below a descriptor that is held, links are never
/// followed by the host, and there is no way up. Device nodes, sockets and pipes can neither be made nor opened, extended attributes are refused,
/// and set-user-ID bits are not set.</para>
/// <para>Requests are worked on by threads of the pool, a few at a time, and contents go between the file and guest memory without a copy. A pause
/// waits for requests in flight. A saved state knows files by their paths; one that is not there any more when it is restored is stale for the guest.
/// A host that may not give files away shows its own user's files as root's.</para>
/// </remarks>
public sealed partial class VirtioShare : VirtioDevice
{
    private const ulong MountTagFeature = 1;
    private const int QueueSize = 128;

    private readonly ShareServer _server;
    private readonly int _maximumWorkers;
    private readonly Stack<ShareRequest> _free = new();
    private readonly HashSet<ShareRequest> _active = [];
    private readonly ConcurrentQueue<ShareRequest> _waiting = new();
    private readonly ConcurrentQueue<ShareRequest> _answered = new();
    private readonly Action _takeAnswered;
    private readonly Action<object?> _workOn;

    /// <summary>Guards what follows.</summary>
    private readonly object _hostGate = new();
    private readonly Dictionary<ushort, ShareRequest> _byTag = [];
    private int _onHost;
    private int _workers;
    private int _takePosted;

    /// <summary>Creates a share.</summary>
    /// <param name="services">The machine's.</param>
    /// <param name="stateName">Such as <c>virtio-9p0</c>.</param>
    /// <param name="folder">The host's folder.</param>
    /// <param name="options">How it shows itself.</param>
    /// <exception cref="ArgumentException">An option is impossible.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder, or it may not be opened.</exception>
    /// <exception cref="PlatformNotSupportedException">The host is not 64-bit Linux.</exception>
    public VirtioShare(VirtioServices services, string stateName, string folder, VirtioShareOptions? options = null)
        : base(services, stateName, deviceType: 9, MountTagFeature, ConfigurationSize(options ??= new VirtioShareOptions()), [QueueSize])
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        Tag = options.Tag;
        IsReadOnly = options.IsReadOnly;
        _maximumWorkers = options.MaximumWorkers;
        _server = new ShareServer(new HostFolder(folder), options);
        _takeAnswered = TakeAnswered;
        _workOn = _ => WorkOn();
        BinaryPrimitives.WriteUInt16LittleEndian(Configuration, (ushort)(Configuration.Length - 2));
        Encoding.UTF8.GetBytes(options.Tag, Configuration[2..]);
    }

    /// <summary>The name by which the guest mounts it.</summary>
    public string Tag { get; }

    /// <summary>Whether the guest may only read.</summary>
    public bool IsReadOnly { get; }

    /// <inheritdoc/>
    protected override bool HasWorkInFlight => _active.Count > 0;

    /// <inheritdoc/>
    public override void Stop()
    {
        base.Stop();
        lock (_hostGate)
        {
            while (_onHost > 0)
            {
                Monitor.Wait(_hostGate);
            }
        }

        TakeAnswered();
    }

    /// <inheritdoc/>
    protected override long Process(Virtqueue queue, DescriptorChain chain)
    {
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentNullException.ThrowIfNull(chain);
        if (!_free.TryPop(out var request))
        {
            request = new ShareRequest();
        }

        if (!request.TryBegin(chain))
        {
            queue.Break("a message without room for its header or its answer");
            queue.Complete(chain, 0);
            _free.Push(request);
            return 0;
        }

        _active.Add(request);
        _waiting.Enqueue(request);
        var startsWorker = false;
        lock (_hostGate)
        {
            _onHost++;
            if (request.Kind != MessageKind.Flush)
            {
                _byTag.TryAdd(request.Tag, request);
            }

            startsWorker = _workers < _maximumWorkers;
            _workers += startsWorker ? 1 : 0;
        }

        if (startsWorker)
        {
            ThreadPool.UnsafeQueueUserWorkItem(_workOn, null, preferLocal: false);
        }

        return 0;
    }

    /// <inheritdoc/>
    protected override void CancelWork() => TakeAnswered();

    /// <inheritdoc/>
    protected override void OnMemoryUsable() => TakeAnswered();

    /// <inheritdoc/>
    protected override void ResetDevice()
    {
        _active.Clear();
        _answered.Clear();
        _server.Reset();
    }

    private static int ConfigurationSize(VirtioShareOptions options)
    {
        options.Validate();
        return 2 + Encoding.UTF8.GetByteCount(options.Tag);
    }

    /// <summary>A worker: takes requests until there are none. A thread of the pool.</summary>
    private void WorkOn()
    {
        while (true)
        {
            if (_waiting.TryDequeue(out var request))
            {
                if (request.Kind != MessageKind.Flush || !TryDefer(request))
                {
                    request.Answer(_server);
                    OnAnswered(request);
                }

                continue;
            }

            lock (_hostGate)
            {
                // Whoever enqueues counts the workers behind that, under the same gate.
                if (_waiting.IsEmpty)
                {
                    _workers--;
                    return;
                }
            }
        }
    }

    /// <summary>A flush is answered behind the request that it names; only if that is not another flush, so that none waits for itself.</summary>
    private bool TryDefer(ShareRequest flush)
    {
        lock (_hostGate)
        {
            if (!_byTag.TryGetValue(flush.FlushedTag(), out var target))
            {
                return false;
            }

            target.Flushers.Add(flush);
            return true;
        }
    }

    private void OnAnswered(ShareRequest request)
    {
        ShareRequest[] flushers;
        lock (_hostGate)
        {
            if (_byTag.TryGetValue(request.Tag, out var present) && ReferenceEquals(present, request))
            {
                _byTag.Remove(request.Tag);
            }

            flushers = [.. request.Flushers];
        }

        // Once it is in the queue it may be used for another message.
        _answered.Enqueue(request);
        foreach (var flush in flushers)
        {
            flush.Answer(_server);
            _answered.Enqueue(flush);
        }

        if (Interlocked.Exchange(ref _takePosted, 1) == 0)
        {
            Services.Events.Post(_takeAnswered);
        }

        lock (_hostGate)
        {
            _onHost -= 1 + flushers.Length;
            if (_onHost == 0)
            {
                Monitor.PulseAll(_hostGate);
            }
        }
    }

    /// <summary>Gives answers to the driver. Device lock held.</summary>
    private void TakeAnswered()
    {
        Volatile.Write(ref _takePosted, 0);
        if (IsDriverReady && !CanUseMemory)
        {
            // They wait until memory may be used again.
            return;
        }

        var queue = Queues[0];
        while (_answered.TryDequeue(out var request))
        {
            _active.Remove(request);
            if (IsDriverReady)
            {
                queue.Complete(request.Chain, (uint)request.AnsweredBytes);
            }

            _free.Push(request);
        }

        queue.SignalDriver();
        OnWorkEnded();
    }
}
