using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Conditional branches of a mode, LOOP and JRCXZ among them.</summary>
internal sealed class BranchCatalogue
{
    private readonly Code[] _short;
    private readonly Code[] _near;

    private BranchCatalogue(int bits)
    {
        _short = All($"_rel8_{bits}");
        _near = All($"_rel32_{bits}");
        ShortJump = bits == 64 ? Code.Jmp_rel8_64 : Code.Jmp_rel8_32;
        NearJump = bits == 64 ? Code.Jmp_rel32_64 : Code.Jmp_rel32_32;
        Call = bits == 64 ? Code.Call_rel32_64 : Code.Call_rel32_32;
        Return = bits == 64 ? Code.Retnq : Code.Retnd;
        ReturnAndPop = bits == 64 ? Code.Retnq_imm16 : Code.Retnd_imm16;
        LessOrEqual = bits == 64 ? Code.Jle_rel8_64 : Code.Jle_rel8_32;
    }

    public static BranchCatalogue For32 { get; } = new(32);

    public static BranchCatalogue For64 { get; } = new(64);

    public Code ShortJump { get; }

    public Code NearJump { get; }

    public Code Call { get; }

    public Code Return { get; }

    public Code ReturnAndPop { get; }

    public Code LessOrEqual { get; }

    public Code Conditional(Random random, bool isShort) => isShort ? _short[random.Next(_short.Length)] : _near[random.Next(_near.Length)];

    /// <summary>A branch to a target that is set when it is assembled.</summary>
    public static Instruction To(Code code) => Instruction.CreateBranch(code, 0);

    private static Code[] All(string suffix) => [.. Enum.GetValues<Code>().Where(code => code.ToOpCode().Encoding == EncodingKind.Legacy &&
        new Instruction { Code = code }.FlowControl == FlowControl.ConditionalBranch && code.ToString().Contains(suffix, StringComparison.Ordinal) && code.ToOpCode().IsInstruction
        && !code.ToString().EndsWith("_CX", StringComparison.Ordinal) && code.Mnemonic() is not (Mnemonic.Jcxz or Mnemonic.Xbegin))];
}
