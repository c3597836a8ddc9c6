namespace Vivarium.Bus;

/// <summary>
/// Which claim answers at an address: an immutable sorted snapshot that is replaced on every change, so that lookups take no lock.
/// Writers serialise themselves.
/// </summary>
internal sealed class AddressMap<TDevice>(ulong lastAddress, string spaceName)
    where TDevice : class
{
    private readonly List<Claim<TDevice>> _claims = [];
    private volatile Segment<TDevice>[] _segments = [];

    /// <summary>Finds the segment that holds <paramref name="address"/>; null if nothing claims it.</summary>
    public Segment<TDevice>? Find(ulong address)
    {
        var segments = _segments;
        var low = 0;
        var high = segments.Length - 1;
        while (low <= high)
        {
            var middle = (low + high) >> 1;
            var segment = segments[middle];
            if (address < segment.First)
            {
                high = middle - 1;
            }
            else if (address > segment.Last)
            {
                low = middle + 1;
            }
            else
            {
                return segment;
            }
        }

        return null;
    }

    /// <summary>Adds a claim.</summary>
    /// <exception cref="ArgumentException">It leaves the address space, or overlaps one of its own priority.</exception>
    public void Add(Claim<TDevice> claim)
    {
        ThrowIfRefused(claim, ignored: null);
        _claims.Add(claim);
        Publish();
    }

    /// <summary>Puts <paramref name="claim"/> in the place of <paramref name="previous"/>, in one step.</summary>
    /// <exception cref="ArgumentException">As for <see cref="Add"/>; then nothing changes.</exception>
    public void Replace(Claim<TDevice> previous, Claim<TDevice> claim)
    {
        ThrowIfRefused(claim, previous);
        _claims[_claims.IndexOf(previous)] = claim;
        Publish();
    }

    /// <summary>Removes a claim.</summary>
    public void Remove(Claim<TDevice> claim)
    {
        _claims.Remove(claim);
        Publish();
    }

    private void ThrowIfRefused(Claim<TDevice> claim, Claim<TDevice>? ignored)
    {
        if (claim.Last < claim.First || claim.Last > lastAddress)
        {
            throw new ArgumentException($"The claim of '{claim.Name}' from 0x{claim.First:X} leaves the {spaceName} space, which ends at 0x{lastAddress:X}.");
        }

        foreach (var other in _claims)
        {
            if (other != ignored && other.Priority == claim.Priority && claim.First <= other.Last && other.First <= claim.Last)
            {
                throw new ArgumentException(
                    $"The claim of '{claim.Name}' to {spaceName} 0x{claim.First:X}-0x{claim.Last:X} overlaps that of '{other.Name}' to " +
                    $"0x{other.First:X}-0x{other.Last:X}. Move one of them, or give one a higher priority.");
            }
        }
    }

    /// <summary>Flattens the claims: in each stretch between two borders the claim of highest priority wins.</summary>
    private void Publish()
    {
        var borders = new SortedSet<ulong>();
        foreach (var claim in _claims)
        {
            borders.Add(claim.First);
            if (claim.Last != ulong.MaxValue)
            {
                borders.Add(claim.Last + 1);
            }
        }

        var segments = new List<Segment<TDevice>>();
        var starts = borders.ToArray();
        for (var i = 0; i < starts.Length; i++)
        {
            var first = starts[i];
            var winner = _claims.Where(c => c.First <= first && first <= c.Last).MaxBy(c => c.Priority);
            if (winner is null)
            {
                continue;
            }

            var last = i + 1 < starts.Length ? starts[i + 1] - 1 : winner.Last;
            if (segments.Count > 0 && segments[^1] is var previous && previous.Claim == winner && previous.Last + 1 == first)
            {
                segments[^1] = new Segment<TDevice>(previous.First, last, winner);
            }
            else
            {
                segments.Add(new Segment<TDevice>(first, last, winner));
            }
        }

        _segments = [.. segments];
    }
}

/// <summary>A device's claim to the addresses <paramref name="First"/> to <paramref name="Last"/>, both included.</summary>
internal sealed record Claim<TDevice>(ulong First, ulong Last, TDevice Device, string Name, int Priority);

/// <summary>A stretch of addresses in which one claim answers.</summary>
internal sealed record Segment<TDevice>(ulong First, ulong Last, Claim<TDevice> Claim);
