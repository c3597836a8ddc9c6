using System.Collections.Concurrent;

namespace Vivarium.Network;

/// <summary>Which ports want which multicast groups, and behind which are routers (RFC 4541). Reads take no lock.</summary>
internal sealed class MulticastTable(ulong hashKey, long ageingNs)
{
    private readonly ConcurrentDictionary<ulong, Member[]> _groups = new();
    private readonly ConcurrentDictionary<ulong, Member[]> _routers = new();
    private readonly Lock _gate = new();

    /// <summary>The ports that want a group, or null if it is unknown and goes to all.</summary>
    public Member[]? Find(ulong key) => _groups.TryGetValue(key * hashKey, out var members) ? members : null;

    /// <summary>The ports of a VLAN from which queries came.</summary>
    public Member[] Routers(ushort vlan) => _routers.TryGetValue(vlan, out var routers) ? routers : [];

    /// <summary>Whether a membership still counts: it ages only where somebody asks for it to be renewed.</summary>
    public bool IsFresh(Member member, ushort vlan, long nowNs) => nowNs - member.LastSeenNs <= ageingNs || !HasQuerier(vlan, nowNs);

    public void Join(ulong key, SwitchPort port, long nowNs)
    {
        if (_groups.TryGetValue(key * hashKey, out var members) && Array.Find(members, member => member.Port == port) is { } known)
        {
            known.LastSeenNs = nowNs;
            return;
        }

        lock (_gate)
        {
            if (port.GroupCount >= port.MaxGroups)
            {
                return;
            }

            port.GroupCount++;
            members = _groups.GetValueOrDefault(key * hashKey) ?? [];
            _groups[key * hashKey] = [.. members, new Member(port) { LastSeenNs = nowNs }];
        }
    }

    public void Leave(ulong key, SwitchPort port)
    {
        lock (_gate)
        {
            Remove(_groups, key * hashKey, port);
        }
    }

    public void AddRouter(ushort vlan, SwitchPort port, long nowNs)
    {
        var routers = Routers(vlan);
        if (Array.Find(routers, router => router.Port == port) is { } known)
        {
            known.LastSeenNs = nowNs;
            return;
        }

        lock (_gate)
        {
            _routers[vlan] = [.. Routers(vlan), new Member(port) { LastSeenNs = nowNs }];
        }
    }

    public void Flush(SwitchPort port)
    {
        lock (_gate)
        {
            foreach (var key in _groups.Keys)
            {
                Remove(_groups, key, port);
            }

            foreach (var key in _routers.Keys)
            {
                var left = Array.FindAll(_routers[key], router => router.Port != port);
                _routers[key] = left;
            }
        }
    }

    private bool HasQuerier(ushort vlan, long nowNs)
    {
        foreach (var router in Routers(vlan))
        {
            if (nowNs - router.LastSeenNs <= ageingNs)
            {
                return true;
            }
        }

        return false;
    }

    private static void Remove(ConcurrentDictionary<ulong, Member[]> groups, ulong key, SwitchPort port)
    {
        if (!groups.TryGetValue(key, out var members) || !Array.Exists(members, member => member.Port == port))
        {
            return;
        }

        port.GroupCount--;
        var left = Array.FindAll(members, member => member.Port != port);
        if (left.Length == 0)
        {
            groups.TryRemove(key, out _);
        }
        else
        {
            groups[key] = left;
        }
    }

    /// <summary>A port in a group.</summary>
    internal sealed class Member(SwitchPort port)
    {
        private long _lastSeenNs;

        public SwitchPort Port { get; } = port;

        public long LastSeenNs
        {
            get => Volatile.Read(ref _lastSeenNs);
            set => Volatile.Write(ref _lastSeenNs, value);
        }
    }
}
