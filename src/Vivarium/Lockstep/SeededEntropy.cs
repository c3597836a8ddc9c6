namespace Vivarium;

/// <summary>Bytes that two machines with one seed get alike: a linear congruential generator. One thread at a time, as the machine's processors take turns.</summary>
internal sealed class SeededEntropy(uint seed) : IEntropySource
{
    private uint _state = seed;

    public void Fill(Span<byte> destination)
    {
        foreach (ref var each in destination)
        {
            _state = (_state * 1_664_525) + 1_013_904_223;
            each = (byte)(_state >> 24);
        }
    }
}
