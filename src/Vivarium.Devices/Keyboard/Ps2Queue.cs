namespace Vivarium.Devices;

/// <summary>The bytes that a PS/2 device wants to send, oldest first. What does not fit is refused whole.</summary>
internal sealed class Ps2Queue
{
    public const int Capacity = 64;

    private readonly byte[] _bytes = new byte[Capacity];
    private int _head;

    public int Count { get; private set; }

    /// <summary>The last byte taken out, for the "resend" command.</summary>
    public byte Last { get; private set; }

    /// <summary>Appends all bytes, or none if there is no room for all. Answers to commands first clear the queue.</summary>
    public bool TryAdd(params ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > Capacity - Count)
        {
            return false;
        }

        foreach (var value in bytes)
        {
            _bytes[(_head + Count++) % Capacity] = value;
        }

        return true;
    }

    /// <summary>Replaces everything by the answer to a command.</summary>
    public void Answer(params ReadOnlySpan<byte> bytes)
    {
        Count = 0;
        TryAdd(bytes);
    }

    /// <summary>Removes the oldest byte. There must be one.</summary>
    public byte Take()
    {
        Last = _bytes[_head];
        _head = (_head + 1) % Capacity;
        Count--;
        return Last;
    }

    public void Clear()
    {
        Count = 0;
        Last = 0;
    }

    public void Save(StateWriter writer, ushort tag)
    {
        Span<byte> bytes = stackalloc byte[Capacity + 1];
        bytes[0] = Last;
        for (var i = 0; i < Count; i++)
        {
            bytes[1 + i] = _bytes[(_head + i) % Capacity];
        }

        writer.Write(tag, bytes[..(1 + Count)]);
    }

    public void Restore(StateReader reader, ushort tag)
    {
        var bytes = reader.ReadBytes(tag);
        if (bytes.Length is 0 or > Capacity + 1)
        {
            throw reader.Invalid(tag);
        }

        Answer(bytes[1..]);
        Last = bytes[0];
    }
}
