using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace Vivarium.Network.UserMode;

/// <summary>
/// The clients of forwarded UDP ports, found from either side, in the order of their last use. Anybody on the outside can begin a flow with one
/// datagram, so that none costs more when there are many: a new one takes the place of the one that was silent longest. Not thread-safe.
/// </summary>
internal sealed class ForwardTable(int mostFlows)
{
    private readonly Dictionary<ForwardKey, LinkedListNode<ForwardFlow>> _flows = [];
    private readonly Dictionary<(PortForward Owner, IPEndPoint Client), LinkedListNode<ForwardFlow>> _clients = [];

    /// <summary>Whoever was silent longest comes first.</summary>
    private readonly LinkedList<ForwardFlow> _order = [];

    public int Count => _flows.Count;

    public bool Contains(ForwardKey key) => _flows.ContainsKey(key);

    /// <summary>The flow of a guest's answer, which is used by this.</summary>
    public bool TryUse(ForwardKey key, long nowNs, [NotNullWhen(true)] out ForwardFlow? flow) => TryUse(_flows.GetValueOrDefault(key), nowNs, out flow);

    /// <summary>The flow of a client's datagram, which is used by this.</summary>
    public bool TryUse(PortForward owner, IPEndPoint client, long nowNs, [NotNullWhen(true)] out ForwardFlow? flow) => TryUse(_clients.GetValueOrDefault((owner, client)), nowNs, out flow);

    /// <summary>A flow that is not there yet.</summary>
    public ForwardFlow Add(PortForward owner, IPEndPoint client, ForwardKey key, long nowNs)
    {
        if (_flows.Count >= mostFlows)
        {
            Remove(_order.First!);
        }

        var node = _order.AddLast(new ForwardFlow(owner, client, key) { UsedNs = nowNs });
        _flows.Add(key, node);
        _clients.Add((owner, client), node);
        return node.Value;
    }

    /// <summary>Ends flows that were last used before a time.</summary>
    public void Expire(long limitNs)
    {
        while (_order.First is { } node && node.Value.UsedNs < limitNs)
        {
            Remove(node);
        }
    }

    public void RemoveOf(PortForward owner)
    {
        for (var node = _order.First; node is not null;)
        {
            var next = node.Next;
            if (node.Value.Owner == owner)
            {
                Remove(node);
            }

            node = next;
        }
    }

    public void Clear()
    {
        _flows.Clear();
        _clients.Clear();
        _order.Clear();
    }

    private bool TryUse(LinkedListNode<ForwardFlow>? node, long nowNs, [NotNullWhen(true)] out ForwardFlow? flow)
    {
        if (node is null)
        {
            flow = null;
            return false;
        }

        flow = node.Value;
        flow.UsedNs = nowNs;
        _order.Remove(node);
        _order.AddLast(node);
        return true;
    }

    private void Remove(LinkedListNode<ForwardFlow> node)
    {
        _order.Remove(node);
        _flows.Remove(node.Value.Key);
        _clients.Remove((node.Value.Owner, node.Value.Client));
    }
}

/// <summary>What a guest's answer to a client says: its own address and port, and the gateway's port that stands for the client.</summary>
internal readonly record struct ForwardKey(IpAddress Guest, ushort GuestPort, ushort GatewayPort);

/// <summary>A client of a forwarded UDP port.</summary>
internal sealed class ForwardFlow(PortForward owner, IPEndPoint client, ForwardKey key)
{
    public PortForward Owner { get; } = owner;

    public IPEndPoint Client { get; } = client;

    public ForwardKey Key { get; } = key;

    public long UsedNs { get; set; }
}
