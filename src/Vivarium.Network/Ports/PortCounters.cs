namespace Vivarium.Network;

/// <summary>What has passed a port. Any thread.</summary>
internal sealed class PortCounters
{
    private readonly long[] _drops = new long[Enum.GetValues<DropReason>().Length];
    private long _receivedFrames;
    private long _receivedBytes;
    private long _sentFrames;
    private long _sentBytes;

    public void Received(int frames, long bytes)
    {
        Interlocked.Add(ref _receivedFrames, frames);
        Interlocked.Add(ref _receivedBytes, bytes);
    }

    public void Sent(int frames, long bytes)
    {
        Interlocked.Add(ref _sentFrames, frames);
        Interlocked.Add(ref _sentBytes, bytes);
    }

    public void Drop(DropReason reason, int frames = 1) => Interlocked.Add(ref _drops[(int)reason], frames);

    public PortStatistics Read()
    {
        var drops = new Dictionary<DropReason, long>();
        for (var i = 0; i < _drops.Length; i++)
        {
            drops.Add((DropReason)i, Volatile.Read(ref _drops[i]));
        }

        return new PortStatistics
        {
            ReceivedFrames = Volatile.Read(ref _receivedFrames),
            ReceivedBytes = Volatile.Read(ref _receivedBytes),
            SentFrames = Volatile.Read(ref _sentFrames),
            SentBytes = Volatile.Read(ref _sentBytes),
            Drops = drops,
        };
    }
}
