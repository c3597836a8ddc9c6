using Iced.Intel;

namespace Vivarium.X86;

/// <content>The guest's vector registers are in the host's from their first use until the next way to C#.</content>
internal sealed unsafe partial class BlockTranslator
{
    private static bool IsVector(LoweringKind kind) => kind is LoweringKind.AlignedVector or LoweringKind.Vector or LoweringKind.ClearVectors;

    private bool CanUseVectors(int i, LoweringKind kind)
    {
        ref readonly var instruction = ref InstructionAt(i);
        var mode = instruction.Encoding == EncodingKind.VEX ? TranslationMode.WideVectors : TranslationMode.Vectors;
        return (_mode & mode) != 0 && (Is64 || !MeansMoreOnHost(i, kind));
    }

    /// <summary>
    /// Outside 64-bit mode VZEROUPPER and VZEROALL touch eight registers, but on the host all sixteen; and the top bit of a register in an
    /// immediate is ignored there.
    /// </summary>
    private bool MeansMoreOnHost(int i, LoweringKind kind) => kind == LoweringKind.ClearVectors
        || (InstructionAt(i).Mnemonic is Mnemonic.Vblendvps or Mnemonic.Vblendvpd or Mnemonic.Vpblendvb && _run.CodeOf(i)[^1] >= 0x80);

    private void ClearVectors(int i) => _a.Bytes([0xC5, InstructionAt(i).Mnemonic == Mnemonic.Vzeroall ? (byte)0xFC : (byte)0xF8, 0x77]);

    /// <summary>At the entry of a block that uses them: they are loaded unless a block before did.</summary>
    private void BeginVectors()
    {
        if (!_usesVectors)
        {
            return;
        }

        _a.Alu(4, 7, HostOperand.State(EngineFields.VectorsLiveOffset), 0);
        var live = _a.JumpIf(5);
        _a.Call(_cache.Thunks.LoadVectors);
        _a.Bind(live);
    }
}
