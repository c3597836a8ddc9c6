using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Vivarium.Memory;

namespace Vivarium.Virtio;

/// <summary>
/// A balloon (Virtio 1.2 §5.5): the host program asks the guest for memory while it runs, and pages that the guest gives up, or says it has freed,
/// go back to the host at once. Such a page reads as zero and costs nothing until the guest writes it again.
/// </summary>
/// <remarks>
/// Inflating, deflating, statistics, deflating on out-of-memory and free-page reporting. Free-page hinting is not offered: its pages may be in use
/// again before the host hears of them, so that nothing but a migration could use it.
/// </remarks>
public sealed partial class VirtioBalloon : VirtioDevice
{
    private const ulong StatisticsFeature = 1UL << 1;
    private const ulong DeflateOnOutOfMemoryFeature = 1UL << 2;
    private const ulong PagePoisonFeature = 1UL << 4;
    private const ulong ReportingFeature = 1UL << 5;
    private const int BalloonConfigurationBytes = 16;
    private const int ActualOffset = 4;
    private const int PoisonOffset = 12;

    private const int InflateQueue = 0;
    private const int DeflateQueue = 1;
    private const int StatisticsQueue = 2;
    private const int QueueSize = 128;
    private const int PageShift = 12;
    private const int StatisticBytes = 10;

    /// <summary>A buffer with more page numbers gives up so many; drivers send a few hundred.</summary>
    private const int MaximumPages = 1 << 16;

    /// <summary>How many bytes given back are worth one moved, so that a turn gives back 64 MiB at most.</summary>
    private const int DiscardedPerMoved = 64;

    private readonly List<TaskCompletionSource<BalloonStatistics>> _statisticsWaiters = [];
    private readonly uint[] _pageNumbers = new uint[1024];
    private DescriptorChain? _statisticsChain;
    private long _targetBytes;
    private long _inflatedBytes;
    private long _returnedBytes;

    /// <summary>Creates a balloon.</summary>
    /// <param name="services">The machine's.</param>
    /// <param name="stateName">Such as <c>virtio-balloon0</c>.</param>
    /// <param name="options">What it offers.</param>
    /// <exception cref="ArgumentException">The target is negative or more than a balloon can count, 16 TiB.</exception>
    public VirtioBalloon(VirtioServices services, string stateName, VirtioBalloonOptions? options = null)
        : base(services, stateName, deviceType: 5, FeaturesOf(options ??= new VirtioBalloonOptions()), BalloonConfigurationBytes, [.. Enumerable.Repeat(QueueSize, 5)])
    {
        ShowTarget(CheckTarget(options.TargetBytes));
    }

    /// <summary>How much the guest is asked to give up, in bytes. Any thread.</summary>
    public long TargetBytes => Volatile.Read(ref _targetBytes);

    /// <summary>How much the guest says that it has given up, in bytes. Any thread.</summary>
    public long InflatedBytes => Volatile.Read(ref _inflatedBytes);

    /// <summary>How much memory went back to the host so far, in bytes, by inflating and by reports of free pages; a page may count many times. Any thread.</summary>
    public long ReturnedBytes => Volatile.Read(ref _returnedBytes);

    /// <summary>
    /// Asks the guest to give up so much memory, or to take back what is beyond. It follows when it runs, as far as it can:
    /// <see cref="InflatedBytes"/> tells. Any thread, without the device lock.
    /// </summary>
    /// <param name="targetBytes">Rounded down to whole pages of 4 KiB.</param>
    /// <exception cref="ArgumentException">It is negative or more than 16 TiB.</exception>
    public void SetTarget(long targetBytes)
    {
        targetBytes = CheckTarget(targetBytes);
        Services.Events.Post(() =>
        {
            ShowTarget(targetBytes);
            AnnounceConfiguration();
        });
    }

    /// <summary>
    /// Asks the guest for its statistics. Ends when its driver has answered, which needs the machine to run and a driver that has them. Any
    /// thread, without the device lock.
    /// </summary>
    /// <exception cref="OperationCanceledException">It was cancelled, or the driver reset the device.</exception>
    public async Task<BalloonStatistics> ReadStatisticsAsync(CancellationToken cancellationToken = default)
    {
        var waiter = new TaskCompletionSource<BalloonStatistics>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = cancellationToken.Register(() => waiter.TrySetCanceled(cancellationToken));
        Services.Events.Post(() =>
        {
            _statisticsWaiters.RemoveAll(each => each.Task.IsCompleted);
            _statisticsWaiters.Add(waiter);
            AskForStatistics();
        });
        return await waiter.Task.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override void WriteConfiguration(ulong offset, ReadOnlySpan<byte> source)
    {
        // What the driver writes are two words, and it may write them byte by byte.
        for (var i = 0; i < source.Length; i++)
        {
            if (offset + (ulong)i is (>= ActualOffset and < ActualOffset + 4) or (>= PoisonOffset and < PoisonOffset + 4))
            {
                Configuration[(int)offset + i] = source[i];
            }
        }

        NoteInflated();
    }

    /// <inheritdoc/>
    protected override long Process(Virtqueue queue, DescriptorChain chain)
    {
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentNullException.ThrowIfNull(chain);
        switch (queue.Index)
        {
            case InflateQueue:
                return Inflate(queue, chain);
            case DeflateQueue:
                // The pages come back at their first touch.
                queue.Complete(chain, 0);
                return 0;
            case StatisticsQueue when Has(StatisticsFeature):
                TakeStatistics(queue, chain);
                return 0;
            default:
                // Drivers that leave out features number the queue of reports in two ways: by its place or by how many there are.
                return TakeReport(queue, chain);
        }
    }

    /// <inheritdoc/>
    protected override void ResetDevice()
    {
        _statisticsChain = null;
        _statisticsAsked = false;
        _statisticsWaiters.ForEach(waiter => waiter.TrySetCanceled());
        _statisticsWaiters.Clear();
        Configuration[ActualOffset..].Clear();
        NoteInflated();
    }

    private static ulong FeaturesOf(VirtioBalloonOptions options) =>
        StatisticsFeature | PagePoisonFeature
        | (options.DeflatesOnOutOfMemory ? DeflateOnOutOfMemoryFeature : 0)
        | (options.ReportsFreePages ? ReportingFeature : 0);

    private static long CheckTarget(long targetBytes) => targetBytes >= 0 && targetBytes >> PageShift <= uint.MaxValue
        ? targetBytes & -GuestMemory.PageSize
        : throw new ArgumentException($"A balloon's target is 0 bytes to 16 TiB; got {targetBytes:N0}.", nameof(targetBytes));

    private void ShowTarget(long targetBytes)
    {
        Volatile.Write(ref _targetBytes, targetBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(Configuration, (uint)(targetBytes >> PageShift));
    }

    private void NoteInflated() =>
        Volatile.Write(ref _inflatedBytes, (long)BinaryPrimitives.ReadUInt32LittleEndian(Configuration[ActualOffset..]) << PageShift);

    private long Inflate(Virtqueue queue, DescriptorChain chain)
    {
        var count = (int)Math.Min(chain.ReadableBytes / sizeof(uint), MaximumPages);
        var discarded = 0L;
        for (var done = 0; done < count;)
        {
            var numbers = _pageNumbers.AsSpan(0, Math.Min(count - done, _pageNumbers.Length));
            chain.TryRead((long)done * sizeof(uint), MemoryMarshal.AsBytes(numbers));
            done += numbers.Length;
            discarded += Discard(numbers);
        }

        queue.Complete(chain, 0);
        return discarded / DiscardedPerMoved;
    }

    /// <summary>Drivers give up page by page, mostly neighbours: runs of them go to the host at once.</summary>
    private long Discard(Span<uint> numbers)
    {
        numbers.Sort();
        var discarded = 0L;
        for (var i = 0; i < numbers.Length;)
        {
            var first = i++;
            while (i < numbers.Length && numbers[i] - numbers[i - 1] <= 1)
            {
                i++;
            }

            discarded += Discard((ulong)numbers[first] << PageShift, ((ulong)(numbers[i - 1] - numbers[first]) + 1) << PageShift);
        }

        return discarded;
    }

    private long TakeReport(Virtqueue queue, DescriptorChain chain)
    {
        var discarded = 0L;

        // A guest that fills free pages with a pattern of its own relies on finding it there again.
        if (Has(ReportingFeature) && !(Has(PagePoisonFeature) && BinaryPrimitives.ReadUInt32LittleEndian(Configuration[PoisonOffset..]) != 0))
        {
            foreach (var segment in chain.Segments[chain.ReadableSegmentCount..])
            {
                discarded += Discard(segment.Gpa, segment.SizeBytes);
            }
        }

        queue.Complete(chain, 0);
        return discarded / DiscardedPerMoved;
    }

    private long Discard(ulong gpa, ulong sizeBytes)
    {
        var discarded = (long)Memory.Discard(gpa, sizeBytes);
        Interlocked.Add(ref _returnedBytes, discarded);
        return discarded;
    }

    private void TakeStatistics(Virtqueue queue, DescriptorChain chain)
    {
        if (_statisticsChain is { } older)
        {
            // The driver has one buffer; one that sends more gets the older ones back.
            queue.Complete(older, 0);
        }

        _statisticsChain = chain;
        if (_statisticsAsked)
        {
            _statisticsAsked = false;
            var statistics = ParseStatistics(chain);
            _statisticsWaiters.ForEach(waiter => waiter.TrySetResult(statistics));
            _statisticsWaiters.Clear();
        }
        else
        {
            AskForStatistics();
        }
    }

    private static BalloonStatistics ParseStatistics(DescriptorChain chain)
    {
        Span<ulong?> values = stackalloc ulong?[BalloonStatistics.Count];
        Span<byte> entry = stackalloc byte[StatisticBytes];
        for (var i = 0; i < 4 * BalloonStatistics.Count && chain.TryRead((long)i * StatisticBytes, entry); i++)
        {
            var tag = BinaryPrimitives.ReadUInt16LittleEndian(entry);
            if (tag < BalloonStatistics.Count)
            {
                values[tag] = BinaryPrimitives.ReadUInt64LittleEndian(entry[2..]);
            }
        }

        return BalloonStatistics.From(values);
    }
}
