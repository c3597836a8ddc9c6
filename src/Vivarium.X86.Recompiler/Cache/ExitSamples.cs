namespace Vivarium.X86;

/// <summary>How often samples of a block left it after so many instructions, at a jump that was taken or at its end.</summary>
internal sealed class ExitSamples
{
    /// <summary>Fewer say nothing.</summary>
    private const int MinSamples = 3;

    private byte[]? _counts;
    private int _total;

    public void Note(long instructions)
    {
        if (instructions is > 0 and <= BlockDecoder.MaxInstructions && _total < byte.MaxValue)
        {
            _counts ??= new byte[BlockDecoder.MaxInstructions + 1];
            _counts[instructions]++;
            _total++;
        }
    }

    /// <summary>After how many instructions three quarters of the samples left the block or more; 0 if there is no such exit.</summary>
    public int MostlyAfter()
    {
        for (var i = 0; _total >= MinSamples && i < _counts!.Length; i++)
        {
            if (4 * _counts[i] >= 3 * _total)
            {
                return i;
            }
        }

        return 0;
    }
}
