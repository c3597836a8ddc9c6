namespace Vivarium.Network.UserMode;

/// <summary>Which Ethernet address an IP address has, and frames that wait to know. Bounded. Not thread-safe.</summary>
internal sealed class NeighbourTable(int mostEntries)
{
    // The pieces of the longest datagram at the usual MTU, and some more.
    private const int MostWaiting = 64;
    private const int MostQuestions = 3;
    private const long QuestionNs = 1_000_000_000;

    private readonly Dictionary<IpAddress, Entry> _entries = [];
    private int _asking;

    /// <summary>Whether answers are awaited.</summary>
    public bool IsAsking => _asking > 0;

    public bool TryFind(IpAddress address, out MacAddress mac)
    {
        mac = default;
        if (!_entries.TryGetValue(address, out var entry) || entry.Mac is not { } known)
        {
            return false;
        }

        mac = known;
        return true;
    }

    /// <summary>Notes an address; returns the frames that waited for it.</summary>
    public EthernetFrame[] Learn(IpAddress address, MacAddress mac, long nowNs)
    {
        if (!_entries.TryGetValue(address, out var entry))
        {
            if (!MakeRoom())
            {
                return [];
            }

            _entries.Add(address, entry = new Entry());
        }

        entry.SeenNs = nowNs;
        if (entry.Mac == mac)
        {
            return [];
        }

        _asking -= entry.IsAsking ? 1 : 0;
        entry.Mac = mac;
        entry.IsAsking = false;
        EthernetFrame[] waiting = [.. entry.Waiting];
        entry.Waiting.Clear();
        return waiting;
    }

    /// <summary>Lets a frame wait. True if a question is to be sent.</summary>
    public bool Wait(IpAddress address, EthernetFrame frame, long nowNs)
    {
        if (!_entries.TryGetValue(address, out var entry))
        {
            if (!MakeRoom())
            {
                frame.Release();
                return false;
            }

            _entries.Add(address, entry = new Entry());
        }

        if (entry.Waiting.Count >= MostWaiting)
        {
            entry.Waiting.Dequeue().Release();
        }

        entry.Waiting.Enqueue(frame);
        if (entry.IsAsking)
        {
            return false;
        }

        entry.IsAsking = true;
        entry.Questions = 1;
        entry.AskNs = nowNs + QuestionNs;
        _asking++;
        return true;
    }

    /// <summary>Asks again where it is time, and gives up where nobody answers.</summary>
    public void Tick(long nowNs, Action<IpAddress> ask, Action<IpAddress> giveUp)
    {
        foreach (var (address, entry) in _entries)
        {
            if (!entry.IsAsking || entry.AskNs > nowNs)
            {
                continue;
            }

            if (entry.Questions < MostQuestions)
            {
                entry.Questions++;
                entry.AskNs = nowNs + QuestionNs;
                ask(address);
                continue;
            }

            _asking--;
            Drop(entry);
            _entries.Remove(address);
            giveUp(address);
        }
    }

    public void Clear()
    {
        foreach (var entry in _entries.Values)
        {
            Drop(entry);
        }

        _entries.Clear();
        _asking = 0;
    }

    private bool MakeRoom()
    {
        if (_entries.Count < mostEntries)
        {
            return true;
        }

        // Whoever has been silent longest goes; it is asked again when it is wanted.
        var (address, entry) = _entries.Where(pair => !pair.Value.IsAsking).MinBy(pair => pair.Value.SeenNs);
        return entry is not null && _entries.Remove(address);
    }

    private static void Drop(Entry entry)
    {
        while (entry.Waiting.TryDequeue(out var frame))
        {
            frame.Release();
        }
    }

    private sealed class Entry
    {
        public MacAddress? Mac { get; set; }

        public long SeenNs { get; set; }

        public bool IsAsking { get; set; }

        public int Questions { get; set; }

        public long AskNs { get; set; }

        public Queue<EthernetFrame> Waiting { get; } = new();
    }
}
