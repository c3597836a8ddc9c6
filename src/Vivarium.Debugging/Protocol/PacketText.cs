namespace Vivarium.Debugging;

/// <summary>What is left to read of a packet.</summary>
internal ref struct PacketText(ReadOnlySpan<byte> text)
{
    public ReadOnlySpan<byte> Rest { get; private set; } = text;

    public readonly bool IsEmpty => Rest.IsEmpty;

    /// <summary>Takes the next byte; 0 at the end.</summary>
    public byte Take()
    {
        if (Rest.IsEmpty)
        {
            return 0;
        }

        var value = Rest[0];
        Rest = Rest[1..];
        return value;
    }

    /// <summary>Takes a byte if it is the next.</summary>
    public bool TryTake(char expected)
    {
        if (Rest.IsEmpty || Rest[0] != expected)
        {
            return false;
        }

        Rest = Rest[1..];
        return true;
    }

    /// <summary>Takes a word if it is next.</summary>
    public bool TryTake(ReadOnlySpan<byte> expected)
    {
        if (!Rest.StartsWith(expected))
        {
            return false;
        }

        Rest = Rest[expected.Length..];
        return true;
    }

    /// <summary>Takes what comes before a byte, and the byte; all that is left if it does not come.</summary>
    public ReadOnlySpan<byte> TakeUntil(char end)
    {
        var index = Rest.IndexOf((byte)end);
        var taken = index < 0 ? Rest : Rest[..index];
        Rest = index < 0 ? [] : Rest[(index + 1)..];
        return taken;
    }

    /// <summary>Takes a number of 1 to 16 digits; leading zeros beyond that do no harm.</summary>
    public bool TryTakeNumber(out ulong value)
    {
        value = 0;
        var count = 0;
        while (count < Rest.Length && HexText.ValueOf(Rest[count]) is >= 0 and var digit)
        {
            if (value >> 60 != 0)
            {
                return false;
            }

            value = (value << 4) | (uint)digit;
            count++;
        }

        Rest = Rest[count..];
        return count != 0;
    }
}
