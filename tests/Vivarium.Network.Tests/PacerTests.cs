namespace Vivarium.Network.Tests;

public sealed class PacerTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly VirtualSwitch _switch;
    private readonly Station _sender;
    private readonly Station _receiver;

    public PacerTests()
    {
        _switch = new VirtualSwitch(_time);
        _receiver = new Station(_switch, 2);
        _receiver.Announce();
        _sender = new Station(_switch, 1);
    }

    public void Dispose() => _switch.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_rate_is_kept_and_changes_live(bool sending)
    {
        Limit(sending, new RateLimit { FramesPerSecond = 1_000, BurstFrames = 10, QueueFrames = 1_000 });
        SendMany(500);
        Assert.Equal(10, _receiver.Receive().Count);
        _time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.InRange(_receiver.Receive().Count, 98, 102);
        Limit(sending, new RateLimit { BytesPerSecond = 16_000, BurstBytes = 160, QueueFrames = 1_000 });
        Assert.Equal(10, _receiver.Receive().Count);
        _time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.InRange(_receiver.Receive().Count, 98, 102);
        Limit(sending, null);
        Assert.InRange(_receiver.Payloads().Count, 270, 290);
    }

    [Fact]
    public void A_full_queue_drops()
    {
        _sender.Port.SendLimit = new RateLimit { FramesPerSecond = 10, BurstFrames = 1, QueueFrames = 5 };
        SendMany(20);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal([0, 1, 2, 3, 4, 5], Numbers());
        Assert.Equal(14, _sender.Port.Statistics.Drops[DropReason.Queue]);
    }

    [Fact]
    public void Delay_and_jitter_keep_the_order()
    {
        _receiver.Port.ReceiveFaults = new LinkFaults { Seed = 1, Delay = TimeSpan.FromMilliseconds(20), Jitter = TimeSpan.FromMilliseconds(10) };
        SendMany(50);
        _time.Advance(TimeSpan.FromMilliseconds(19));
        Assert.Empty(_receiver.Receive());
        _time.Advance(TimeSpan.FromMilliseconds(15));
        Assert.Equal(Enumerable.Range(0, 50), Numbers());
    }

    [Fact]
    public void Faults_are_the_same_for_the_same_seed_and_as_often_as_asked()
    {
        var faults = new LinkFaults { Seed = 7, Loss = 0.1, Duplication = 0.1, Corruption = 0.1, Reordering = 0.1 };
        var first = RunFaults(faults);
        Assert.Equal(first, RunFaults(faults));
        Assert.NotEqual(first, RunFaults(faults with { Seed = 8 }));

        Assert.InRange(RunFaults(new LinkFaults { Loss = 0.1 }).Count, 850, 950);
        Assert.InRange(RunFaults(new LinkFaults { Duplication = 0.1 }).Count, 1_050, 1_150);
        var moved = RunFaults(new LinkFaults { Reordering = 0.1 });
        Assert.Equal(1_000, moved.Count);
        Assert.InRange(moved.Zip(moved.Skip(1)).Count(pair => string.CompareOrdinal(pair.First, pair.Second) > 0), 30, 130);
        var clean = RunFaults(new LinkFaults()).ToHashSet();
        Assert.InRange(RunFaults(new LinkFaults { Corruption = 0.1 }).Count(frame => !clean.Contains(frame)), 30, 150);
    }

    [Fact]
    public void A_link_that_goes_down_loses_what_is_on_its_way()
    {
        _receiver.Port.ReceiveFaults = new LinkFaults { Delay = TimeSpan.FromMilliseconds(20) };
        SendMany(5);
        _receiver.Port.IsLinkUp = false;
        _receiver.Port.IsLinkUp = true;
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Empty(_receiver.Receive());
    }

    [Fact]
    public void Impossible_settings_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _sender.Port.SendFaults = new LinkFaults { Loss = double.NaN });
        Assert.Throws<ArgumentOutOfRangeException>(() => _sender.Port.SendFaults = new LinkFaults { Corruption = 1.1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => _sender.Port.SendLimit = new RateLimit { FramesPerSecond = -1 });
    }

    private void Limit(bool sending, RateLimit? limit)
    {
        if (sending)
        {
            _sender.Port.SendLimit = limit;
        }
        else
        {
            _receiver.Port.ReceiveLimit = limit;
        }
    }

    private List<string> RunFaults(LinkFaults faults)
    {
        _receiver.Port.ReceiveFaults = faults;
        for (var i = 0; i < 1_000; i++)
        {
            _sender.SendTo(_receiver, (byte)(i >> 8), (byte)i);
            _time.Advance(TimeSpan.FromMilliseconds(1));
        }

        _time.Advance(TimeSpan.FromSeconds(1));
        return [.. _receiver.Receive().Select(Convert.ToHexString)];
    }

    private void SendMany(int count)
    {
        for (var i = 0; i < count; i++)
        {
            _sender.SendTo(_receiver, (byte)(i >> 8), (byte)i);
        }
    }

    private IEnumerable<int> Numbers() => _receiver.Payloads().Select(payload => (payload[0] << 8) | payload[1]);
}
