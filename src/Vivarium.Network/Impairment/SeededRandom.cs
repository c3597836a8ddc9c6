namespace Vivarium.Network;

/// <summary>Random numbers that are the same for the same seed in every run: SplitMix64. Not thread-safe.</summary>
internal struct SeededRandom(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        _state += 0x9E37_79B9_7F4A_7C15;
        var mixed = _state;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58_476D_1CE4_E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D0_49BB_1331_11EB;
        return mixed ^ (mixed >> 31);
    }

    /// <summary>From 0 to below 1.</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>From 0 to below <paramref name="bound"/>, which is at least 1.</summary>
    public int Next(int bound) => (int)(((UInt128)Next() * (ulong)bound) >> 64);
}
