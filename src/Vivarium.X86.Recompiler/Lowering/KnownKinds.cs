using Iced.Intel;

namespace Vivarium.X86;

/// <summary>
/// How instructions that were met before are lowered: by their code, whether they have an operand in memory, and what may run in the mode. One
/// thread at a time.
/// </summary>
internal sealed class KnownKinds
{
    private const TranslationMode Code64 = (TranslationMode)DecodeMode.Code64;

    /// <summary>More than Iced has.</summary>
    private const int Codes = 1 << 13;

    private readonly byte[]?[] _byMode = new byte[]?[16];
    private byte[] _kinds = [];

    /// <summary>Instructions of this mode come next.</summary>
    public void Begin(TranslationMode mode)
    {
        var number = ((mode & Code64) != 0 ? 8 : 0) | ((mode & TranslationMode.Vectors) != 0 ? 4 : 0)
            | ((mode & TranslationMode.WideVectors) != 0 ? 2 : 0) | ((mode & TranslationMode.X87) != 0 ? 1 : 0);
        _kinds = _byMode[number] ??= new byte[2 * Codes];
    }

    /// <summary>False if it is not known.</summary>
    public bool TryGet(Code code, bool hasMemory, out LoweringKind kind)
    {
        var known = _kinds[(2 * (int)code) + (hasMemory ? 1 : 0)];
        kind = (LoweringKind)(known - 1);
        return known != 0;
    }

    public void Add(Code code, bool hasMemory, LoweringKind kind) => _kinds[(2 * (int)code) + (hasMemory ? 1 : 0)] = (byte)(kind + 1);

    /// <summary>Forgets all.</summary>
    public void Clear() => Array.Clear(_byMode);
}
