using System.IO.Hashing;

namespace Vivarium.Fuzzing.Tests;

/// <summary>
/// What inputs reached so far: what targets say of themselves and, in instrumented assemblies, edges of their code. An input runs between
/// <see cref="Begin"/> and <see cref="End"/>; one that was new runs once more, between <see cref="BeginAgain"/> and <see cref="EndAgain"/>, as threads
/// and timers of a target's own reach something new at any time.
/// </summary>
internal sealed class Features
{
    private const int Count = 1 << 16;
    private const int EdgeBits = 8;
    private readonly bool[] _seen = new bool[Count + (EdgeTrace.SizeBytes * EdgeBits)];
    private readonly HashSet<int> _news = [];
    private bool _isAgain;
    private bool _recurred;

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

    /// <summary>A value among many, by its magnitude: what registers hold is hardly ever news.</summary>
    public void NoteMagnitude(int place, long value) => Note(place, value == 0 ? -1 : long.Log2(value & long.MaxValue));

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
        _isAgain = false;
        _news.Clear();
        EdgeTrace.Clear();
    }

    /// <summary>Whether the input since <see cref="Begin"/> reached something new.</summary>
    public bool End()
    {
        MarkEdges();
        return _news.Count > 0;
    }

    public void BeginAgain()
    {
        _isAgain = true;
        _recurred = false;
        EdgeTrace.Clear();
    }

    /// <summary>Whether the input reached some of it again, and so is what reaches it.</summary>
    public bool EndAgain()
    {
        MarkEdges();
        return _recurred;
    }

    private void MarkEdges()
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
                if (trace[k] != 0)
                {
                    // One for each power of two of the count, as loops that run once more are not news.
                    Mark(Count + (k * EdgeBits) + int.Log2(trace[k]));
                }
            }
        }
    }

    private void Mark(int index)
    {
        if (_isAgain)
        {
            _recurred |= _news.Contains(index);
        }
        else if (!_seen[index])
        {
            _seen[index] = true;
            _news.Add(index);
            Total++;
        }
    }
}
