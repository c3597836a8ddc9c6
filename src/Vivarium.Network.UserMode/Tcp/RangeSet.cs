namespace Vivarium.Network.UserMode;

/// <summary>Ranges of sequence numbers, in order and apart, a bounded number of them. Not thread-safe.</summary>
internal sealed class RangeSet(int mostRanges)
{
    private readonly List<(uint Start, uint End)> _ranges = [];

    public int Count => _ranges.Count;

    public (uint Start, uint End) this[int index] => _ranges[index];

    /// <summary>Sequence numbers in all ranges.</summary>
    public int TotalLength
    {
        get
        {
            var total = 0;
            foreach (var (start, end) in _ranges)
            {
                total += (int)(end - start);
            }

            return total;
        }
    }

    /// <summary>Adds a range and joins what touches. False if it would be one range too many.</summary>
    public bool Add(uint start, uint end)
    {
        var i = 0;
        while (i < _ranges.Count && Sequence.IsBefore(_ranges[i].End, start))
        {
            i++;
        }

        var from = i;
        while (i < _ranges.Count && Sequence.IsAtOrBefore(_ranges[i].Start, end))
        {
            start = Sequence.IsBefore(_ranges[i].Start, start) ? _ranges[i].Start : start;
            end = Sequence.Later(_ranges[i].End, end);
            i++;
        }

        if (i == from && _ranges.Count >= mostRanges)
        {
            return false;
        }

        _ranges.RemoveRange(from, i - from);
        _ranges.Insert(from, (start, end));
        return true;
    }

    /// <summary>Takes away all before a sequence number.</summary>
    public void RemoveBefore(uint sequence)
    {
        var gone = 0;
        while (gone < _ranges.Count && Sequence.IsAtOrBefore(_ranges[gone].End, sequence))
        {
            gone++;
        }

        _ranges.RemoveRange(0, gone);
        if (_ranges.Count > 0 && Sequence.IsBefore(_ranges[0].Start, sequence))
        {
            _ranges[0] = (sequence, _ranges[0].End);
        }
    }

    public void Clear() => _ranges.Clear();
}
