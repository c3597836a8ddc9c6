using System.IO.Hashing;
using System.Security.Cryptography;

namespace Vivarium.X86;

/// <summary>
/// The guest's bytes that a block was translated from, as far as it takes to know them again: code that was forgotten because its page was written may
/// return if they are what they were. No guest knows the seed, so that none can make other bytes look the same.
/// </summary>
internal readonly record struct CodeImage
{
    private static readonly long s_seed = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long)));
    private readonly ulong _hash;

    private CodeImage(ReadOnlySpan<byte> code)
    {
        LengthBytes = code.Length;
        _hash = XxHash3.HashToUInt64(code, s_seed);
    }

    /// <summary>How many bytes of the page; 0 if the block can never return: it is not of one piece.</summary>
    public int LengthBytes { get; }

    public bool CanReturn => LengthBytes != 0;

    /// <summary>The image of a run; one that goes on elsewhere has none.</summary>
    public static CodeImage Of(DecodedRun run) => run.IsOnePiece && run.SecondPageGpa == DecodedRun.NoPage ? new CodeImage(run.Code) : default;

    /// <summary>Whether bytes of the same length are the same.</summary>
    public bool Is(ReadOnlySpan<byte> code) => this == new CodeImage(code);
}
