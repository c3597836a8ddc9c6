using System.Collections.Concurrent;

namespace Vivarium.Network;

/// <summary>
/// Which address is behind which port. Reads take no lock. A port may hold a bounded number of entries, so that a flood of new addresses costs
/// its own port only.
/// </summary>
/// <param name="hashKey">Any odd number that guests do not know: they choose addresses, and must not choose where those fall in the table.</param>
/// <param name="ageingNs">After how long without a frame an address is forgotten.</param>
internal sealed class MacTable(ulong hashKey, long ageingNs)
{
    private const long SweepPauseNs = 1_000_000_000;

    // Keys are multiplied by the secret, which maps them one to one.
    private readonly ConcurrentDictionary<ulong, MacEntry> _entries = new();
    private readonly Lock _gate = new();

    public int Count => _entries.Count;

    /// <summary>The entry of an address, or null if it is unknown or too old.</summary>
    public MacEntry? Find(ulong key, long nowNs) =>
        _entries.TryGetValue(key * hashKey, out var entry) && IsFresh(entry, nowNs) ? entry : null;

    public bool IsFresh(MacEntry entry, long nowNs) => entry.IsStatic || nowNs - entry.LastSeenNs <= ageingNs;

    /// <summary>Notes that an address is behind a port. Null if the port has its fill; false in <paramref name="allowed"/> if it is another's for good.</summary>
    public MacEntry? Learn(ulong key, SwitchPort port, long nowNs, out bool allowed)
    {
        allowed = true;
        if (_entries.TryGetValue(key * hashKey, out var entry) && entry.Port == port)
        {
            entry.LastSeenNs = nowNs;
            return entry;
        }

        lock (_gate)
        {
            if (_entries.TryGetValue(key * hashKey, out entry))
            {
                if (entry.IsStatic && entry.Port != port)
                {
                    allowed = false;
                    return null;
                }

                if (entry.Port != port && !HasRoom(port, nowNs))
                {
                    return null;
                }

                Move(entry, port);
                entry.LastSeenNs = nowNs;
                return entry;
            }

            return HasRoom(port, nowNs) ? Add(key, port, nowNs, isStatic: false) : null;
        }
    }

    /// <summary>Binds an address to a port for good. False if it is bound to another.</summary>
    public bool AddStatic(ulong key, SwitchPort port)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue(key * hashKey, out var entry))
            {
                if (entry.IsStatic)
                {
                    return entry.Port == port;
                }

                Remove(entry);
            }

            Add(key, port, 0, isStatic: true);
            return true;
        }
    }

    /// <summary>Forgets what is behind a port, and what is bound to it.</summary>
    public void Flush(SwitchPort port)
    {
        lock (_gate)
        {
            foreach (var (_, entry) in _entries)
            {
                if (entry.Port == port)
                {
                    Remove(entry);
                }
            }
        }
    }

    private bool HasRoom(SwitchPort port, long nowNs)
    {
        if (port.MacCount < port.MaxMacAddresses)
        {
            return true;
        }

        // At most once a second, so that a flood does not pay with everybody's time.
        if (nowNs - port.LastMacSweepNs < SweepPauseNs)
        {
            return false;
        }

        port.LastMacSweepNs = nowNs;
        foreach (var (_, entry) in _entries)
        {
            if (entry.Port == port && !IsFresh(entry, nowNs))
            {
                Remove(entry);
            }
        }

        return port.MacCount < port.MaxMacAddresses;
    }

    private MacEntry Add(ulong key, SwitchPort port, long nowNs, bool isStatic)
    {
        var entry = new MacEntry(key, port, isStatic) { LastSeenNs = nowNs };
        _entries[key * hashKey] = entry;
        port.MacCount++;
        return entry;
    }

    private static void Move(MacEntry entry, SwitchPort port)
    {
        if (entry.Port is { } old)
        {
            old.MacCount--;
        }

        port.MacCount++;
        entry.Port = port;
    }

    private void Remove(MacEntry entry)
    {
        if (entry.Port is { } port)
        {
            port.MacCount--;
        }

        entry.Port = null;
        _entries.TryRemove(entry.Key * hashKey, out _);
    }
}
