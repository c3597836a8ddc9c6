namespace Vivarium.X86;

/// <summary>
/// The first blocks of a process take some fifty milliseconds to translate: tables of the decoder are built, methods are prepared. That is done
/// on another thread while a machine is assembled and its guest loaded.
/// </summary>
internal static unsafe class WarmUp
{
    private const int CacheBytes = 1 << 20;
    private const DecodeMode Decoding = DecodeMode.FlatCode | DecodeMode.FlatData | DecodeMode.Code64;
    private const TranslationMode Mode = (TranslationMode)Decoding | TranslationMode.Vectors | TranslationMode.WideVectors | TranslationMode.X87;

    private static readonly Lazy<Thread> s_thread = new(Start);

    /// <summary>Begins it, once in a process; returns at once.</summary>
    public static void Begin() => _ = s_thread.Value;

    /// <summary>Bytes of code.</summary>
    public static int CodeBytes => Code.Length;

    /// <summary>A block for each way that code ends, and in them what compilers and kernels write most.</summary>
    private static ReadOnlySpan<byte> Code =>
    [
        0x55, 0x48, 0x89, 0xE5, 0x41, 0x54, 0x48, 0x83, 0xEC, 0x18, 0x48, 0x8B, 0x47, 0x08, 0x8B, 0x57, 0x10, 0x48, 0x85, 0xC0, 0x74, 0x05,
        0x48, 0x8D, 0x4C, 0x90, 0x20, 0x89, 0x51, 0x04, 0x0F, 0xB6, 0x0F, 0x48, 0x0F, 0xBE, 0x37, 0x31, 0xD2, 0xE8, 0x10, 0x00, 0x00, 0x00,
        0xC1, 0xE0, 0x04, 0x48, 0x01, 0xC8, 0x0F, 0x95, 0xC1, 0x48, 0x0F, 0x44, 0xC2, 0x0F, 0xAF, 0xC2, 0x48, 0x39, 0x07, 0x77, 0xE0,
        0x41, 0x5C, 0x5D, 0xC3,
        0xF3, 0x48, 0xAB, 0xF0, 0x48, 0x0F, 0xB1, 0x17, 0x48, 0x0F, 0xA3, 0x07, 0xFA, 0x9C, 0x0F, 0x01, 0xF8, 0xFC, 0xFF, 0xE0,
        0x66, 0x0F, 0x6F, 0x07, 0x0F, 0x11, 0x46, 0x10, 0xF2, 0x0F, 0x58, 0x07, 0xC5, 0xFC, 0x58, 0x07, 0xD9, 0x07, 0xD8, 0x4E, 0x04, 0xFF, 0x57, 0x18,
        0x65, 0x48, 0x8B, 0x04, 0x25, 0x28, 0x00, 0x00, 0x00, 0x48, 0xF7, 0xF1, 0xEB, 0x10,
        0x0F, 0x20, 0xD8, 0x0F, 0x05,
    ];

    /// <summary>Translates the code to nowhere. How many bytes of it: all, unless something is wrong.</summary>
    public static int Translate()
    {
        using var cache = new CodeCache(CacheBytes);
        using var run = new DecodedRun();
        var decoder = new BlockDecoder(CpuModel.Max);
        var translator = new BlockTranslator();
        var at = 0;
        while (at < Code.Length && decoder.Decode(Code[at..], at, Decoding, BlockDecoder.MaxInstructions, run.Ops, out var length, run.Instructions) is var count and not 0)
        {
            run.Set((ulong)at, count, Code.Slice(at, length));
            _ = translator.Translate(cache, run, Mode, isHot: false);
            at += length;
        }

        return at;
    }

    private static Thread Start()
    {
        var thread = new Thread(Run) { IsBackground = true, Name = "Vivarium warm-up" };
        thread.Start();
        return thread;
    }

    private static void Run()
    {
#pragma warning disable CA1031 // Nobody waits for it; what goes wrong here goes wrong again where it matters, and is told there.
        try
        {
            Translate();
        }
        catch (Exception)
        {
        }
#pragma warning restore CA1031
    }
}
