namespace Vivarium.Devices;

/// <summary>Characters received and their error bits, oldest first.</summary>
internal sealed class ReceiveFifo(int capacity)
{
    private readonly ushort[] _entries = new ushort[capacity];
    private int _head;

    public int Count { get; private set; }

    /// <summary>The line-status error bits of the oldest character.</summary>
    public byte HeadErrors => Count > 0 ? (byte)(_entries[_head] >> 8) : (byte)0;

    public bool HasErrors
    {
        get
        {
            for (var i = 0; i < Count; i++)
            {
                if (this[i] > 0xFF)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>The entry at <paramref name="index"/> from the oldest: the character, and its errors in the high byte.</summary>
    public ushort this[int index] => _entries[(_head + index) % capacity];

    /// <summary>Appends a character. There must be room.</summary>
    public void Push(byte data, byte errors) => _entries[(_head + Count++) % capacity] = (ushort)(data | (errors << 8));

    /// <summary>Removes and returns the oldest character; 0 if there is none.</summary>
    public byte Pop()
    {
        if (Count == 0)
        {
            return 0;
        }

        var value = (byte)_entries[_head];
        _head = (_head + 1) % capacity;
        Count--;
        return value;
    }

    public void ClearHeadErrors()
    {
        if (Count > 0)
        {
            _entries[_head] &= 0xFF;
        }
    }

    public void Clear() => Count = 0;
}
