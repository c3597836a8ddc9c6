using System.IO.Hashing;

namespace Vivarium.Fuzzing.Tests;

/// <summary>What inputs reached so far: what targets say of themselves and, in instrumented assemblies, edges of their code.</summary>
internal sealed class Features
{
    private const int Count = 1 << 16;
    private readonly bool[] _seen = new bool[Count];
    private readonly byte[] _edges = new byte[EdgeTrace.SizeBytes];
    private bool _isNew;

    /// <summary>Different features and edges (by rough counts) that were reached.</summary>
    public int Total { get; private set; }

    /// <summary>A value among few that tells how far an input came: a state, a message, a kind of answer.</summary>
    public void Note(int place, long value)
    {
        Span<byte> bytes = stackalloc byte[12];
        BitConverter.TryWriteBytes(bytes, place);
        BitConverter.TryWriteBytes(bytes[4..], value);
        Mark((int)(XxHash32.HashToUInt32(bytes) % Count));
    }

    /// <summary>A sentence that tells how far an input came; numbers in it do not count.</summary>
    public void Note(string sentence)
    {
        Span<byte> bytes = stackalloc byte[256];
        var length = 0;
        foreach (var each in sentence.AsSpan(0, Math.Min(sentence.Length, bytes.Length)))
        {
            if (!char.IsAsciiHexDigit(each))
            {
                bytes[length++] = (byte)each;
            }
        }

        Mark((int)(XxHash32.HashToUInt32(bytes[..length]) % Count));
    }

    public void Begin()
    {
        _isNew = false;
        EdgeTrace.Clear();
    }

    /// <summary>Whether the input since <see cref="Begin"/> reached something new.</summary>
    public bool End()
    {
        var trace = EdgeTrace.Counts;
        for (var i = 0; i < trace.Length; i += sizeof(ulong))
        {
            if (BitConverter.ToUInt64(trace[i..]) == 0)
            {
                continue;
            }

            for (var k = i; k < i + sizeof(ulong); k++)
            {
                // A bit for each power of two of the count, as loops that run once more are not news.
                var bit = trace[k] == 0 ? 0 : 1 << int.Log2(trace[k]);
                if ((_edges[k] & bit) != bit)
                {
                    _edges[k] |= (byte)bit;
                    _isNew = true;
                    Total++;
                }
            }
        }

        return _isNew;
    }

    private void Mark(int index)
    {
        if (!_seen[index])
        {
            _seen[index] = true;
            _isNew = true;
            Total++;
        }
    }
}
