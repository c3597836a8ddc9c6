namespace Vivarium.X86;

/// <summary>Finds the <see cref="AccessGroup"/>s of a run. Fed with one instruction after the other.</summary>
internal sealed class AccessGroups
{
    public const int None = -1;

    /// <summary>Places for host addresses that are in use at once.</summary>
    public const int SlotCount = 4;

    /// <summary>A longer span would too often end beyond the page, where the interpreter takes over.</summary>
    private const int MaxSpanBytes = 128;

    private readonly AccessGroup[] _groups = new AccessGroup[BlockDecoder.MaxInstructions];
    private readonly int[] _groupOf = new int[BlockDecoder.MaxInstructions];
    private readonly int[] _displacements = new int[BlockDecoder.MaxInstructions];
    private readonly int[] _regionEnd = new int[BlockDecoder.MaxInstructions];
    private readonly int[] _versions = new int[16];
    private readonly int[] _deltas = new int[16];
    private int _count;
    private int _firstOpen;
    private int _pageVersion;
    private bool _hasPairs;

    /// <summary>Forgets the last run.</summary>
    public void Begin(int instructionCount)
    {
        _count = 0;
        _firstOpen = 0;
        _pageVersion = 0;
        _hasPairs = false;
        Array.Fill(_groupOf, None, 0, instructionCount);
        Array.Clear(_versions);
        Array.Clear(_deltas);
    }

    /// <summary>The group of an instruction's access, or <see cref="None"/>.</summary>
    public int Of(int i) => _groupOf[i];

    public ref readonly AccessGroup this[int group] => ref _groups[group];

    /// <summary>Where an instruction's access lies in its group, from the group's lowest byte.</summary>
    public int OffsetOf(int i) => _displacements[i] - _groups[_groupOf[i]].Low;

    /// <summary>The last instruction that the interpreter must execute if it takes over at <paramref name="i"/>: until then host addresses are in use.</summary>
    public int RegionEnd(int i) => _regionEnd[i];

    /// <summary>
    /// An access of <paramref name="sizeBytes"/> at the operation's address, or on the stack at RSP plus a displacement. If it is the first of a
    /// group but may not lead, each of the group is checked alone.
    /// </summary>
    public void Access(int i, in DecodedOp op, int sizeBytes, bool writes, bool mayLead)
    {
        if (op.Displacement < int.MinValue + MaxSpanBytes)
        {
            // As the first of a group it would have to reach down to the lowest byte, which may be beyond what a displacement can say.
            return;
        }

        var key = new AddressKey(op.Base, VersionOf(op.Base), op.Index, VersionOf(op.Index), op.Scale, op.SegmentBase, op.AddressShift);
        Join(i, key, (long)op.Displacement + DeltaOf(op.Base) + ((long)DeltaOf(op.Index) << op.Scale), sizeBytes, writes, mayLead);
    }

    /// <summary>A register changed in a way that is not known.</summary>
    public void Change(int guest)
    {
        _versions[guest]++;
        _deltas[guest] = 0;
    }

    /// <summary>A constant was added to a register.</summary>
    public void Add(int guest, int value)
    {
        var sum = (long)_deltas[guest] + value;
        if (sum == (int)sum)
        {
            _deltas[guest] = (int)sum;
        }
        else
        {
            Change(guest);
        }
    }

    /// <summary>What is relative to the page of the instruction pointer may be relative to another from here on.</summary>
    public void ChangePage() => _pageVersion++;

    /// <summary>Host addresses do not outlive this point.</summary>
    public void Break() => _firstOpen = _count;

    /// <summary>All instructions were fed: drops groups of one, and finds where the interpreter may hand back.</summary>
    public void End(int instructionCount)
    {
        for (var i = 0; i < instructionCount; i++)
        {
            _regionEnd[i] = i;
        }

        if (!_hasPairs)
        {
            Array.Fill(_groupOf, None, 0, instructionCount);
            return;
        }

        Span<int> slotEnds = [None, None, None, None];
        for (var g = 0; g < _count; g++)
        {
            ref var group = ref _groups[g];
            group.Slot = group.Members > 1 && !group.IsRefused ? FreeSlot(slotEnds, group.First) : None;
            if (group.Slot != None)
            {
                slotEnds[group.Slot] = group.Last;
            }
        }

        for (var i = 0; i < instructionCount; i++)
        {
            _groupOf[i] = _groupOf[i] != None && _groups[_groupOf[i]].Slot == None ? None : _groupOf[i];
        }

        // From the end, so that what a later region reaches is known.
        for (var g = _count - 1; g >= 0; g--)
        {
            ref readonly var group = ref _groups[g];
            if (group.Slot == None)
            {
                continue;
            }

            var end = group.Last;
            for (var i = group.First; i <= end; i++)
            {
                end = Math.Max(end, _regionEnd[i]);
            }

            for (var i = group.First; i <= end; i++)
            {
                _regionEnd[i] = end;
            }
        }
    }

    private static int FreeSlot(Span<int> ends, int first)
    {
        for (var slot = 0; slot < SlotCount; slot++)
        {
            if (ends[slot] < first)
            {
                return slot;
            }
        }

        return None;
    }

    private int VersionOf(ushort register) => register < 16 * sizeof(ulong) ? _versions[register >> 3] : register == RegisterOffset.RipPage ? _pageVersion : 0;

    private int DeltaOf(ushort register) => register < 16 * sizeof(ulong) ? _deltas[register >> 3] : 0;

    private void Join(int i, in AddressKey key, long displacement, int sizeBytes, bool writes, bool mayLead)
    {
        if (displacement is < int.MinValue / 2 or > int.MaxValue / 2)
        {
            return;
        }

        var low = (int)displacement;
        var high = low + sizeBytes;
        _displacements[i] = low;
        for (var g = _firstOpen; g < _count; g++)
        {
            ref var group = ref _groups[g];
            if (group.Key == key && Math.Max(group.High, high) - Math.Min(group.Low, low) <= MaxSpanBytes)
            {
                group.Low = Math.Min(group.Low, low);
                group.High = Math.Max(group.High, high);
                group.Last = i;
                group.Members++;
                _hasPairs = true;
                group.Writes |= writes;
                _groupOf[i] = g;
                return;
            }
        }

        _groups[_count] = new AccessGroup { Key = key, First = i, Last = i, Members = 1, Low = low, High = high, Writes = writes, IsRefused = !mayLead };
        _groupOf[i] = _count++;
    }
}
