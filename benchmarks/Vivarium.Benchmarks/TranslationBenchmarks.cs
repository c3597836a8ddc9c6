using BenchmarkDotNet.Attributes;
using Vivarium.X86;

namespace Vivarium.Benchmarks;

/// <summary>
/// Real code, that of .NET's own runtime, to the recompiler's, block after block: "Mean" is a guest instruction's time, the host's caches being warm.
/// </summary>
public unsafe class TranslationBenchmarks : IDisposable
{
    private const int Instructions = 100_000;
    private const int CacheBytes = 64 << 20;
    private const DecodeMode Decoding = DecodeMode.FlatCode | DecodeMode.FlatData | DecodeMode.Code64;
    private const TranslationMode Translation = (TranslationMode)Decoding | TranslationMode.Vectors | TranslationMode.WideVectors | TranslationMode.X87;

    private readonly BlockDecoder _decoder = new(CpuModel.Max);
    private readonly DecodedRun _run = new();
    private readonly BlockTranslator _translator = new();
    private readonly CodeCache _cache = new(CacheBytes);
    private byte[] _code = [];

    [GlobalSetup]
    public void Setup() => _code = RuntimeCode.Read();

    [GlobalCleanup]
    public void Dispose()
    {
        _cache.Dispose();
        _run.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(Baseline = true, Description = "decode and translate", OperationsPerInvoke = Instructions)]
    public int Translate() => Walk(translates: true);

    [Benchmark(Description = "decode", OperationsPerInvoke = Instructions)]
    public int Decode() => Walk(translates: false);

    private int Walk(bool translates)
    {
        _cache.Empty();
        for (var (at, left) = (0, Instructions); left > 0;)
        {
            var pageOffset = at & 0xFFF;
            var bytes = _code.AsSpan(at, 4096 - pageOffset + BlockDecoder.MaxInstructionBytes);
            var count = _decoder.Decode(bytes, pageOffset, Decoding, Math.Min(left, BlockDecoder.MaxInstructions), _run.Ops, out var length, _run.Instructions);
            if (count == 0)
            {
                at++;
                continue;
            }

            _run.Set((ulong)at, count, bytes[..length]);
            if (translates)
            {
                _ = _translator.Translate(_cache, _run, Translation, isHot: false);
            }

            at += length;
            left -= count;
        }

        return _cache.UsedBytes;
    }
}
