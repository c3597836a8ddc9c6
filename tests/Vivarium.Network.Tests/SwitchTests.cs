using System.Diagnostics.Metrics;

namespace Vivarium.Network.Tests;

public sealed class SwitchTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly VirtualSwitch _switch;

    public SwitchTests()
    {
        _switch = new VirtualSwitch(_time, new VirtualSwitchOptions { HashKey = 12345 });
    }

    public void Dispose() => _switch.Dispose();

    [Fact]
    public void A_frame_goes_to_all_until_its_address_is_known()
    {
        var stations = Stations(3);
        stations[0].SendTo(stations[1], 1);
        Assert.Equal([0, 1, 1], stations.Select(station => station.Payloads().Count));

        stations[1].SendTo(stations[0], 2);
        stations[0].SendTo(stations[1], 3);
        Assert.Equal([1, 1, 0], stations.Select(station => station.Payloads().Count));
    }

    [Fact]
    public void An_address_is_forgotten_after_its_time()
    {
        var stations = Stations(3);
        stations[1].Announce();
        stations[0].SendTo(stations[1], 1);
        _time.Advance(TimeSpan.FromMinutes(5) + TimeSpan.FromSeconds(1));
        stations[2].Receive();
        stations[0].SendTo(stations[1], 2);
        Assert.Single(stations[2].Payloads());
    }

    [Fact]
    public void An_address_moves_with_its_station()
    {
        var stations = Stations(3);
        stations[1].Announce();
        stations[2].Send(Station.Frame(stations[0].Address, stations[1].Address, [1]));
        foreach (var station in stations)
        {
            station.Receive();
        }

        stations[0].SendTo(stations[1], 9);
        Assert.Empty(stations[1].Payloads());
        Assert.Single(stations[2].Payloads());
    }

    [Fact]
    public void Frames_of_one_sender_keep_their_order_whatever_their_kind()
    {
        var stations = Stations(3);
        stations[1].Announce();
        stations[0].Announce();
        stations[1].Receive();
        var batch = new List<EthernetFrame>();
        for (byte i = 0; i < 40; i++)
        {
            var bytes = Station.Frame(i % 3 == 0 ? MacAddress.Broadcast : stations[1].Address, stations[0].Address, [i]);
            var frame = _switch.Pool.Rent(bytes.Length);
            bytes.CopyTo(frame.Span);
            batch.Add(frame);
        }

        stations[0].Port.Send(batch.ToArray());
        Assert.Equal(Enumerable.Range(0, 40).Select(i => (byte)i), stations[1].Payloads().Select(payload => payload[0]));
    }

    [Fact]
    public void A_flood_of_addresses_hurts_its_own_port_only()
    {
        var stations = Stations(3, new SwitchPortOptions { MaxMacAddresses = 16, StormLimit = 0 });
        stations[0].Announce();
        stations[1].Announce();
        for (var i = 0; i < 10_000; i++)
        {
            stations[2].Send(Station.Frame(stations[0].Address, Station.AddressOf(1000 + i), [1]));
        }

        Assert.Equal(18, _switch.KnownAddresses);
        stations[2].Receive();
        stations[0].SendTo(stations[1], 5);
        Assert.Empty(stations[2].Payloads());
        Assert.Contains(stations[1].Payloads(), payload => payload[0] == 5);
    }

    [Fact]
    public void A_full_port_forgets_old_addresses_for_new_ones()
    {
        var stations = Stations(2, new SwitchPortOptions { MaxMacAddresses = 4 });
        stations[0].Announce();
        for (var i = 0; i < 4; i++)
        {
            stations[1].Send(Station.Frame(stations[0].Address, Station.AddressOf(100 + i), [1]));
        }

        _time.Advance(TimeSpan.FromMinutes(6));
        stations[1].Send(Station.Frame(stations[0].Address, Station.AddressOf(200), [1]));
        Assert.Equal(2, _switch.KnownAddresses);
    }

    [Fact]
    public void A_locked_port_sends_from_its_own_address_and_keeps_it()
    {
        var locked = new Station(_switch, 1, new SwitchPortOptions { LockedAddress = Station.AddressOf(1) });
        var other = new Station(_switch, 2);
        locked.Send(Station.Frame(other.Address, Station.AddressOf(7), [1]));
        Assert.Empty(other.Receive());
        Assert.Equal(1, locked.Port.Statistics.Drops[DropReason.Address]);

        other.Send(Station.Frame(MacAddress.Broadcast, locked.Address, [1]));
        Assert.Empty(locked.Receive());
        other.SendTo(locked, 2);
        Assert.Single(locked.Payloads());
        Assert.Throws<ArgumentException>(() => _switch.AddPort(new FrameQueue(() => { }), new SwitchPortOptions { LockedAddress = Station.AddressOf(1) }));
    }

    [Fact]
    public void Impossible_frames_are_dropped_and_counted()
    {
        var stations = Stations(2);
        stations[0].Send([]);
        stations[0].Send(new byte[13]);
        stations[0].Send(new byte[64]);
        stations[0].Send(Station.Frame(stations[1].Address, MacAddress.Broadcast, [1]));
        stations[0].Send(Station.Frame(stations[1].Address, stations[0].Address, [1], 0x8100));
        stations[0].Send(Station.Frame(stations[1].Address, stations[0].Address, new byte[1501]));
        Assert.Empty(stations[1].Receive());
        Assert.Equal(5, stations[0].Port.Statistics.Drops[DropReason.Malformed]);
        Assert.Equal(1, stations[1].Port.Statistics.Drops[DropReason.TooLong]);
    }

    [Fact]
    public void Ports_of_an_isolation_group_do_not_meet()
    {
        var stations = Stations(2, new SwitchPortOptions { IsolationGroup = 1 });
        var router = new Station(_switch, 3);
        stations[1].Announce();
        router.Announce();
        router.Receive();
        stations[0].SendTo(MacAddress.Broadcast, 1);
        stations[0].SendTo(stations[1], 2);
        stations[0].SendTo(router, 3);
        Assert.DoesNotContain(stations[1].Payloads(), payload => payload[0] != 0);
        Assert.Equal([1, 3], router.Payloads().Select(payload => payload[0]));
    }

    [Fact]
    public void A_partition_cuts_and_heals()
    {
        var stations = Stations(3);
        foreach (var station in stations)
        {
            station.Announce();
        }

        _switch.Partition([stations[0].Port], [stations[1].Port, stations[2].Port]);
        stations.ForEach(station => station.Receive());
        stations[0].SendTo(stations[1], 1);
        stations[1].SendTo(stations[2], 2);
        Assert.Empty(stations[1].Payloads());
        Assert.Single(stations[2].Payloads());
        _switch.Heal();
        stations[0].SendTo(stations[1], 3);
        Assert.Single(stations[1].Payloads());
    }

    [Fact]
    public void A_link_that_is_down_carries_nothing()
    {
        var stations = Stations(2);
        var changes = new List<bool>();
        stations[1].Port.LinkChanged += changes.Add;
        stations[1].Port.IsLinkUp = false;
        stations[0].SendTo(stations[1], 1);
        stations[1].SendTo(stations[0], 1);
        Assert.Empty(stations[0].Receive());
        Assert.Empty(stations[1].Receive());
        stations[1].Port.IsLinkUp = true;
        stations[0].SendTo(stations[1], 1);
        Assert.Single(stations[1].Receive());
        Assert.Equal([false, true], changes);
    }

    [Fact]
    public async Task Ports_come_and_go_while_others_send()
    {
        var stations = Stations(2);
        stations[0].Announce();
        stations[1].Announce();
        using var stop = new CancellationTokenSource();
        var sender = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                stations[0].SendTo(stations[1], 1);
                stations[0].SendTo(MacAddress.Broadcast, 2);
                stations[1].Receive();
            }
        });
        for (var i = 0; i < 300; i++)
        {
            var guest = new Station(_switch, 100 + i);
            guest.Announce();
            guest.SendTo(stations[1], 3);
            guest.Port.Dispose();
            guest.Queue.Close();
        }

        await stop.CancelAsync();
        await sender;
        Assert.Equal(2, _switch.Ports.Count);
        Assert.Equal(2, _switch.KnownAddresses);
    }

    [Fact]
    public void Storms_end_at_the_port_that_makes_them()
    {
        var noisy = new Station(_switch, 1, new SwitchPortOptions { StormLimit = 100 });
        var other = new Station(_switch, 2);
        for (var i = 0; i < 1_000; i++)
        {
            noisy.SendTo(MacAddress.Broadcast, 1);
        }

        Assert.Equal(10, other.Receive().Count);
        Assert.Equal(990, noisy.Port.Statistics.Drops[DropReason.Storm]);
        _time.Advance(TimeSpan.FromMilliseconds(50));
        for (var i = 0; i < 100; i++)
        {
            noisy.SendTo(MacAddress.Broadcast, 1);
        }

        Assert.Equal(5, other.Receive().Count);
    }

    [Fact]
    public void A_mirror_sees_both_ways()
    {
        var stations = Stations(3);
        stations[0].Announce();
        stations[1].Announce();
        stations.ForEach(station => station.Receive());
        using (stations[0].Port.MirrorTo(stations[2].Port))
        {
            stations[0].SendTo(stations[1], 1);
            stations[1].SendTo(stations[0], 2);
        }

        stations[0].SendTo(stations[1], 3);
        Assert.Equal([1, 2], stations[2].Payloads().Select(payload => payload[0]));
    }

    [Fact]
    public void Statistics_reach_a_listener()
    {
        var seen = new Dictionary<string, long>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, each) =>
        {
            if (instrument.Meter.Name == "Vivarium.Network")
            {
                each.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            var named = tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value);
            if ((string?)named["switch"] == "metered")
            {
                seen[$"{instrument.Name} {named["port"]} {named.GetValueOrDefault("direction")}{named.GetValueOrDefault("reason")}"] = value;
            }
        });
        listener.Start();
        using var metered = new VirtualSwitch(_time, new VirtualSwitchOptions { Name = "metered" });
        var one = new Station(metered, 1, new SwitchPortOptions { Name = "a" });
        var two = new Station(metered, 2, new SwitchPortOptions { Name = "b" });
        one.SendTo(two, 1);
        one.Send(new byte[3]);
        listener.RecordObservableInstruments();
        Assert.Equal(2, seen["vivarium.network.frames a receive"]);
        Assert.Equal(18, seen["vivarium.network.io a receive"]);
        Assert.Equal(1, seen["vivarium.network.frames b transmit"]);
        Assert.Equal(1, seen["vivarium.network.drops a Malformed"]);
    }

    private List<Station> Stations(int count, SwitchPortOptions? options = null) =>
        [.. Enumerable.Range(1, count).Select(number => new Station(_switch, number, options))];
}
