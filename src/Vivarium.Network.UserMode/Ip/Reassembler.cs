using System.Buffers;

namespace Vivarium.Network.UserMode;

/// <summary>
/// Puts the pieces of IP packets together. At most so many packets at a time, each for at most so long; pieces that overlap in part end theirs
/// (RFC 5722, and the same for IPv4). Not thread-safe.
/// </summary>
internal sealed class Reassembler
{
    private const int MostPackets = 32;
    private const int MostPieces = 128;
    private const int MostBytes = 65_535;
    private const long LifetimeNs = 15_000_000_000;

    private readonly Dictionary<(IpAddress Source, IpAddress Destination, uint Id, byte Protocol), Entry> _entries = [];

    public int Count => _entries.Count;

    /// <summary>Takes a piece. The packet's payload, if it is whole now; empty if not.</summary>
    public ReadOnlySpan<byte> Add(IpAddress source, IpAddress destination, PacketLayout layout, ReadOnlySpan<byte> piece, long nowNs)
    {
        var key = (source, destination, layout.FragmentId, layout.Protocol);
        var end = layout.FragmentOffset + piece.Length;
        if (piece.IsEmpty || end > MostBytes || (layout.MoreFragments && piece.Length % 8 != 0))
        {
            return default;
        }

        if (!_entries.TryGetValue(key, out var entry))
        {
            Expire(nowNs);
            if (_entries.Count >= MostPackets)
            {
                return default;
            }

            entry = new Entry(nowNs + LifetimeNs);
            _entries.Add(key, entry);
        }

        if (entry.Pieces.Contains((layout.FragmentOffset, end)))
        {
            // The network doubled it.
            return default;
        }

        var overlaps = entry.Pieces.Exists(other => layout.FragmentOffset < other.End && other.Start < end);
        var isBeyond = entry.TotalBytes >= 0 && (end > entry.TotalBytes || !layout.MoreFragments);
        if (overlaps || isBeyond || entry.Pieces.Count >= MostPieces)
        {
            _entries.Remove(key);
            return default;
        }

        entry.Put(layout.FragmentOffset, piece);
        if (!layout.MoreFragments)
        {
            if (entry.Pieces.Exists(other => other.End > end))
            {
                _entries.Remove(key);
                return default;
            }

            entry.TotalBytes = end;
        }

        if (entry.TotalBytes < 0 || entry.ReceivedBytes != entry.TotalBytes)
        {
            return default;
        }

        _entries.Remove(key);
        return entry.Buffer.WrittenSpan[..entry.TotalBytes];
    }

    private void Expire(long nowNs)
    {
        foreach (var (key, entry) in _entries)
        {
            if (entry.DeadlineNs <= nowNs)
            {
                _entries.Remove(key);
            }
        }
    }

    private sealed class Entry(long deadlineNs)
    {
        public List<(int Start, int End)> Pieces { get; } = [];

        public ArrayBufferWriter<byte> Buffer { get; } = new(4_096);

        public long DeadlineNs { get; } = deadlineNs;

        public int TotalBytes { get; set; } = -1;

        public int ReceivedBytes { get; private set; }

        public void Put(int offset, ReadOnlySpan<byte> piece)
        {
            var missing = offset + piece.Length - Buffer.WrittenCount;
            if (missing > 0)
            {
                Buffer.GetSpan(missing)[..missing].Clear();
                Buffer.Advance(missing);
            }

            piece.CopyTo(System.Runtime.InteropServices.MemoryMarshal.AsMemory(Buffer.WrittenMemory).Span[offset..]);
            Pieces.Add((offset, offset + piece.Length));
            ReceivedBytes += piece.Length;
        }
    }
}
