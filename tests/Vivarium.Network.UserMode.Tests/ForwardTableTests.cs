using System.Net;
using FsCheck.Xunit;

namespace Vivarium.Network.UserMode.Tests;

public sealed class ForwardTableTests : IDisposable
{
    private const int MostFlows = 5;
    private static readonly IpAddress s_guest = IpAddress.From(IPAddress.Parse("10.0.2.15"));
    private readonly VirtualSwitch _network = new(TimeProvider.System);
    private readonly UserModeGateway _gateway;
    private readonly PortForward[] _owners;

    public ForwardTableTests()
    {
        _gateway = new UserModeGateway(_network);
        _owners = [.. Enumerable.Range(0, 2).Select(_ => _gateway.ForwardUdp(new IPEndPoint(IPAddress.Loopback, 0), IPAddress.Parse("10.0.2.15"), 9_000))];
    }

    /// <summary>Against a list that is searched: whoever was silent longest makes room, whoever was silent too long goes, and all others are found from both sides.</summary>
    [Property(MaxTest = 300)]
    public void Holds_the_flows_that_were_used_last(byte[] steps)
    {
        var table = new ForwardTable(MostFlows);
        var model = new List<(PortForward Owner, IPEndPoint Client, ForwardKey Key, long UsedNs)>();
        var nowNs = 0L;
        foreach (var step in steps)
        {
            nowNs++;
            var owner = _owners[step & 1];
            var client = new IPEndPoint(IPAddress.Loopback, 1 + (step >> 1 & 15));
            var index = model.FindIndex(each => each.Owner == owner && each.Client.Equals(client));
            switch (step >> 5)
            {
                case 0:
                    table.Expire(nowNs - 8);
                    model.RemoveAll(each => each.UsedNs < nowNs - 8);
                    break;
                case 1 when step >> 1 == 16:
                    table.RemoveOf(owner);
                    model.RemoveAll(each => each.Owner == owner);
                    break;
                case 2 or 3:
                    var key = index < 0 ? new ForwardKey(s_guest, 1, 1) : model[index].Key;
                    Assert.Equal(index >= 0, table.TryUse(key, nowNs, out var answered));
                    Assert.Equal(index < 0 ? null : client, answered?.Client);
                    Use(index);
                    break;
                default:
                    Assert.Equal(index >= 0, table.TryUse(owner, client, nowNs, out var flow));
                    Use(index);
                    if (index < 0)
                    {
                        flow = table.Add(owner, client, new ForwardKey(s_guest, 9_000, (ushort)(32_768 + nowNs)), nowNs);
                        if (model.Count == MostFlows)
                        {
                            model.Remove(model.MinBy(each => each.UsedNs));
                        }

                        model.Add((owner, client, flow.Key, nowNs));
                    }

                    break;
            }

            Assert.Equal(model.Count, table.Count);
            Assert.All(model, each => Assert.True(table.Contains(each.Key)));
        }

        void Use(int index)
        {
            if (index >= 0)
            {
                model[index] = model[index] with { UsedNs = nowNs };
            }
        }
    }

    public void Dispose()
    {
        _gateway.Dispose();
        _network.Dispose();
    }
}
