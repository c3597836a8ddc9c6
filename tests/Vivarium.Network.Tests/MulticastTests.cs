namespace Vivarium.Network.Tests;

public sealed class MulticastTests : IDisposable
{
    private static readonly byte[] s_group = [239, 1, 2, 3];
    private static readonly MacAddress s_groupAddress = MacAddress.Parse("01:00:5e:01:02:03");
    private readonly ManualTime _time = new();
    private readonly VirtualSwitch _switch;
    private readonly Station[] _stations;

    public MulticastTests()
    {
        _switch = new VirtualSwitch(_time);
        _stations = [.. Enumerable.Range(1, 4).Select(number => new Station(_switch, number))];
    }

    public void Dispose() => _switch.Dispose();

    [Fact]
    public void A_group_reaches_its_members_and_an_unknown_one_all()
    {
        _stations[0].SendTo(s_groupAddress, 1);
        Assert.All(_stations[1..], station => Assert.Single(station.Receive()));
        SendIgmp(1, 0x16, s_group);
        Assert.All(_stations, station => Assert.Empty(station.Receive()));
        _stations[0].SendTo(s_groupAddress, 2);
        Assert.Equal([1, 0, 0], _stations[1..].Select(station => station.Receive().Count));
        SendIgmp(1, 0x17, s_group);
        _stations[0].SendTo(s_groupAddress, 3);
        Assert.Equal([1, 1, 1], _stations[1..].Select(station => station.Receive().Count));
    }

    [Fact]
    public void Routers_hear_reports_and_every_group()
    {
        SendIgmp(3, 0x11, [0, 0, 0, 0]);
        Assert.Equal([1, 1, 1, 0], _stations.Select(station => station.Receive().Count));
        SendIgmp(1, 0x16, s_group);
        _stations[0].SendTo(s_groupAddress, 1);
        Assert.Equal([0, 1, 0, 2], _stations.Select(station => station.Receive().Count));
    }

    [Fact]
    public void A_member_ages_where_somebody_asks()
    {
        SendIgmp(1, 0x16, s_group);
        _time.Advance(TimeSpan.FromMinutes(10));
        _stations[0].SendTo(s_groupAddress, 1);
        Assert.Equal([1, 0, 0], _stations[1..].Select(station => station.Receive().Count));

        SendIgmp(3, 0x11, [0, 0, 0, 0]);
        _stations[1].Receive();
        _stations[0].SendTo(s_groupAddress, 1);
        Assert.Empty(_stations[1].Receive());
    }

    [Fact]
    public void Version_3_reports_join_and_leave()
    {
        SendIgmp(1, 0x22, [0, 0, 0, 1, 4, 0, 0, 0, .. s_group]);
        _stations[0].SendTo(s_groupAddress, 1);
        Assert.Equal([1, 0, 0], _stations[1..].Select(station => station.Receive().Count));
        SendIgmp(2, 0x22, [0, 0, 0, 1, 2, 0, 0, 0, .. s_group]);
        SendIgmp(1, 0x22, [0, 0, 0, 1, 3, 0, 0, 0, .. s_group]);
        _stations[0].SendTo(s_groupAddress, 1);
        Assert.Equal([0, 1, 0], _stations[1..].Select(station => station.Receive().Count));
    }

    [Fact]
    public void Mld_reports_join()
    {
        byte[] group = [0xFF, 0x02, .. new byte[10], 9, 8, 7, 6];
        byte[] source = [0xFE, 0x80, .. new byte[13], 1];
        byte[] message = [131, 0, 0, 0, 0, 0, 0, 0, .. group];
        var sum = (ushort)~Packets.Sum([.. source, .. group, 0, 0, 0, 24, 0, 0, 0, 58, .. message]);
        message[2] = (byte)(sum >> 8);
        message[3] = (byte)sum;
        var packet = Packets.Ip6(0, source, group, [58, 0, 5, 2, 0, 0, 1, 0, .. message]);
        var address = MacAddress.Parse("33:33:09:08:07:06");
        _stations[1].Send(Station.Frame(address, _stations[1].Address, packet, 0x86DD));
        _stations[0].SendTo(address, 1);
        Assert.Equal([0, 1, 0, 0], _stations.Select(station => station.Receive().Count));
    }

    [Fact]
    public void Local_groups_are_never_pruned()
    {
        SendIgmp(1, 0x16, [224, 0, 0, 251]);
        _stations[0].SendTo(MacAddress.Parse("01:00:5e:00:00:fb"), 1);
        Assert.Equal([1, 1, 1], _stations[1..].Select(station => station.Receive().Count));
    }

    [Fact]
    public void Groups_of_a_port_are_bounded()
    {
        for (var i = 0; i < 1_000; i++)
        {
            SendIgmp(1, 0x16, [239, 9, (byte)(i >> 8), (byte)i]);
        }

        _stations[0].SendTo(MacAddress.Parse("01:00:5e:09:03:e7"), 1);
        Assert.Equal([1, 1, 1], _stations[1..].Select(station => station.Receive().Count));
    }

    private void SendIgmp(int station, byte type, byte[] body)
    {
        var packet = Packets.Ip4(2, [10, 0, 0, (byte)station], s_group, Packets.Igmp(type, body), ttl: 1);
        _stations[station].Send(Station.Frame(s_groupAddress, _stations[station].Address, packet, 0x0800));
    }
}
