using FsCheck.Xunit;

namespace Vivarium.Network.Tests;

/// <summary>Random traffic against a switch written in the plainest way: dictionaries and lists.</summary>
public sealed class SwitchModelTests
{
    private const int Ports = 6;
    private const int Addresses = 8;

    [Property(MaxTest = 200)]
    public void Every_frame_arrives_where_the_model_says(int seed)
    {
        var random = new Random(seed);
        var time = new ManualTime();
        using var network = new VirtualSwitch(time);
        var members = new VlanMembership[Ports];
        var stations = new Station[Ports];
        var groups = new int[Ports];
        for (var i = 0; i < Ports; i++)
        {
            members[i] = random.Next(3) == 0 ? VlanMembership.Trunk([1, 2, 3], random.Next(4)) : VlanMembership.Access(random.Next(1, 4));
            groups[i] = random.Next(3);
            stations[i] = new Station(network, i, new SwitchPortOptions { Vlans = members[i], IsolationGroup = groups[i], StormLimit = 0 });
        }

        var table = new Dictionary<(int Vlan, int Address), (int Port, long SeenNs)>();
        for (var step = 0; step < 300; step++)
        {
            if (random.Next(40) == 0)
            {
                time.Advance(TimeSpan.FromSeconds(random.Next(400)));
            }

            var port = random.Next(Ports);
            var from = random.Next(Addresses);
            var to = random.Next(Addresses + 1);
            var tag = random.Next(2) == 0 ? -1 : random.Next(5);
            byte[] payload = [(byte)step, (byte)(step >> 8)];
            var target = to == Addresses ? MacAddress.Broadcast : Station.AddressOf(100 + to);
            var source = Station.AddressOf(100 + from);
            stations[port].Send(tag < 0 ? Station.Frame(target, source, payload) : Station.Tagged(target, source, tag, payload));

            var expected = new byte[]?[Ports];
            var vlan = tag <= 0 ? members[port].UntaggedVlan : tag <= 3 && members[port].IsTagged((ushort)tag) ? tag : 0;
            if (vlan != 0)
            {
                table[(vlan, from)] = (port, time.NowNs);
                var known = to < Addresses && table.TryGetValue((vlan, to), out var entry) && time.NowNs - entry.SeenNs <= 300_000_000_000 ? entry.Port : -1;
                for (var i = 0; i < Ports; i++)
                {
                    var reaches = i != port && (groups[i] == 0 || groups[i] != groups[port]) && members[i].Contains((ushort)vlan) && (known < 0 || known == i);
                    if (reaches)
                    {
                        expected[i] = members[i].UntaggedVlan == vlan ? Station.Frame(target, source, payload) : Station.Tagged(target, source, vlan, payload);
                    }
                }
            }

            for (var i = 0; i < Ports; i++)
            {
                Assert.Equal(expected[i] is { } frame ? [frame] : [], stations[i].Receive());
            }
        }
    }
}
