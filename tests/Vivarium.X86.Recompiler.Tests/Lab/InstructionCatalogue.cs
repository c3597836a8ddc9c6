using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>
/// The instructions that cases are made of: everything that user code may execute with a result that the manual defines. Left out are those
/// whose results differ between processors (transcendental and reciprocal approximations, partial remainders, BSWAP of 16 bits) and system instructions.
/// </summary>
internal sealed class InstructionCatalogue
{
    private static readonly CpuidFeature[] s_integer =
    [
        CpuidFeature.INTEL8086, CpuidFeature.INTEL186, CpuidFeature.INTEL286, CpuidFeature.INTEL386, CpuidFeature.INTEL486, CpuidFeature.X64, CpuidFeature.CMOV,
        CpuidFeature.POPCNT, CpuidFeature.LZCNT, CpuidFeature.BMI1, CpuidFeature.BMI2, CpuidFeature.MOVBE, CpuidFeature.ADX, CpuidFeature.CX8, CpuidFeature.CMPXCHG16B,
        CpuidFeature.MULTIBYTENOP, CpuidFeature.FSGSBASE, CpuidFeature.CLFSH, CpuidFeature.PREFETCHW,
    ];

    private static readonly CpuidFeature[] s_x87 =
        [CpuidFeature.FPU, CpuidFeature.FPU287, CpuidFeature.FPU387, CpuidFeature.FXSR];

    private static readonly CpuidFeature[] s_avx = [CpuidFeature.AVX, CpuidFeature.AVX2, CpuidFeature.FMA, CpuidFeature.F16C];

    private static readonly Mnemonic[] s_excluded =
    [
        Mnemonic.Fsin, Mnemonic.Fcos, Mnemonic.Fsincos, Mnemonic.Fptan, Mnemonic.Fpatan, Mnemonic.F2xm1, Mnemonic.Fyl2x, Mnemonic.Fyl2xp1, Mnemonic.Fprem, Mnemonic.Fprem1,
        Mnemonic.Fstpnce, Mnemonic.Fcomi, Mnemonic.Fcomip, Mnemonic.Fucomi, Mnemonic.Fucomip, Mnemonic.Rcpps, Mnemonic.Rcpss, Mnemonic.Rsqrtps, Mnemonic.Rsqrtss,
        Mnemonic.Vrcpps, Mnemonic.Vrcpss, Mnemonic.Vrsqrtps, Mnemonic.Vrsqrtss,
        Mnemonic.Hlt, Mnemonic.Cli, Mnemonic.Sti, Mnemonic.Clts, Mnemonic.In, Mnemonic.Out, Mnemonic.Insb, Mnemonic.Insw, Mnemonic.Insd, Mnemonic.Outsb, Mnemonic.Outsw,
        Mnemonic.Outsd, Mnemonic.Lgdt, Mnemonic.Lidt, Mnemonic.Lldt, Mnemonic.Ltr, Mnemonic.Lmsw, Mnemonic.Invlpg, Mnemonic.Invd, Mnemonic.Wbinvd, Mnemonic.Sgdt,
        Mnemonic.Sidt, Mnemonic.Sldt, Mnemonic.Str, Mnemonic.Smsw, Mnemonic.Lar, Mnemonic.Lsl, Mnemonic.Verr, Mnemonic.Verw, Mnemonic.Arpl, Mnemonic.Bound, Mnemonic.Les,
        Mnemonic.Lds, Mnemonic.Lss, Mnemonic.Lfs, Mnemonic.Lgs, Mnemonic.Popa, Mnemonic.Popad, Mnemonic.Loadall, Mnemonic.Storeall, Mnemonic.Umov, Mnemonic.Reservednop,
        Mnemonic.Bsf, Mnemonic.Bsr, Mnemonic.Shld, Mnemonic.Shrd, Mnemonic.Pushf, Mnemonic.Pushfd, Mnemonic.Pushfq, Mnemonic.Popf, Mnemonic.Popfd, Mnemonic.Popfq,
        Mnemonic.Push, Mnemonic.Pop, Mnemonic.Enter, Mnemonic.Leave, Mnemonic.Pusha, Mnemonic.Pushad, Mnemonic.Ud0, Mnemonic.Ud1, Mnemonic.Fsetpm, Mnemonic.Frstpm,
        Mnemonic.Jmpe, Mnemonic.Ibts, Mnemonic.Xbts, Mnemonic.Pause,
    ];

    private static readonly OpCodeOperandKind[] s_strings = [OpCodeOperandKind.es_rDI, OpCodeOperandKind.seg_rSI, OpCodeOperandKind.seg_rDI];

    private readonly HashSet<Code> _codes;
    private readonly Dictionary<InstructionKind, Code[][]> _byMnemonic;

    private InstructionCatalogue(IEnumerable<Code> all)
    {
        _codes = [.. all];
        _byMnemonic = _codes.GroupBy(KindOf)
            .ToDictionary(group => group.Key, group => group.GroupBy(code => code.Mnemonic()).Select(codes => codes.ToArray()).ToArray());
    }

    public static InstructionCatalogue For32 { get; } = Of(32);

    public static InstructionCatalogue For64 { get; } = Of(64);

    /// <summary>All codes, for a test of what can be built.</summary>
    public IEnumerable<Code> Codes => _codes;

    /// <summary>A code of a kind, each mnemonic equally likely.</summary>
    public Code Pick(InstructionKind kind, Random random)
    {
        var mnemonics = _byMnemonic[kind];
        var codes = mnemonics[random.Next(mnemonics.Length)];
        return codes[random.Next(codes.Length)];
    }

    public bool Contains(Code code) => _codes.Contains(code);

    /// <summary>Those among the instructions that are wanted.</summary>
    public InstructionCatalogue Where(Func<Code, bool> isWanted) => new(Codes.Where(isWanted));

    private static InstructionCatalogue Of(int bits) => new(Enum.GetValues<Code>().Where(code => IsIncluded(code, bits)));

    private static bool IsIncluded(Code code, int bits)
    {
        var info = code.ToOpCode();
        var isKnown = code.CpuidFeatures().All(feature => s_integer.Contains(feature) || s_avx.Contains(feature) || s_x87.Contains(feature) || IsVector(feature) || feature == CpuidFeature.MMX);
        return info.IsInstruction && !info.Fwait && code != Code.Bswap_r16 && isKnown && !s_excluded.Contains(code.Mnemonic())
            && info.Encoding is EncodingKind.Legacy or EncodingKind.VEX
            && (bits == 64 ? info.Mode64 : info.Mode32)
            && new Instruction { Code = code }.FlowControl == FlowControl.Next
            && Enumerable.Range(0, info.OpCount).Select(info.GetOpKind).All(kind => s_strings.Contains(kind) || OperandBuilder.CanBuild(kind))
            && !(info.OpCount > 0 && info.GetOpKind(0) == OpCodeOperandKind.seg_reg);
    }

    private static InstructionKind KindOf(Code code)
    {
        var info = code.ToOpCode();
        if (Enumerable.Range(0, info.OpCount).Any(i => s_strings.Contains(info.GetOpKind(i))))
        {
            return InstructionKind.String;
        }

        var features = code.CpuidFeatures();
        return info.OpCount == 0 && features.All(s_integer.Contains) ? InstructionKind.Flags
            : features.All(s_integer.Contains) ? InstructionKind.Integer
            : features.Any(s_avx.Contains) ? InstructionKind.Avx
            : features.Any(s_x87.Contains) ? InstructionKind.X87
            : Enumerable.Range(0, info.OpCount).Any(i => info.GetOpKind(i) is OpCodeOperandKind.mm_reg or OpCodeOperandKind.mm_or_mem) || features.Contains(CpuidFeature.MMX)
                ? InstructionKind.Mmx
                : InstructionKind.Vector;
    }

    private static bool IsVector(CpuidFeature feature) => feature is CpuidFeature.SSE or CpuidFeature.SSE2 or CpuidFeature.SSE3 or CpuidFeature.SSSE3
        or CpuidFeature.SSE4_1 or CpuidFeature.SSE4_2 or CpuidFeature.AES or CpuidFeature.PCLMULQDQ or CpuidFeature.SHA;
}
