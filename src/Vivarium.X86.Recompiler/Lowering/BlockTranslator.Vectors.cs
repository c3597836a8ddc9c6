using Iced.Intel;
using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>The guest's vector registers are in the host's from their first use until the next way to C#.</content>
internal sealed unsafe partial class BlockTranslator
{
    /// <summary>Exception masks of MXCSR, and its reserved bits.</summary>
    private const int MxcsrTested = unchecked((int)(FxImage.MxcsrDefault | ~FxImage.MxcsrMask));

    private static bool IsVector(LoweringKind kind) => kind is LoweringKind.AlignedVector or LoweringKind.Vector or LoweringKind.ClearVectors or LoweringKind.LoadMxcsr;

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

    /// <summary>
    /// LDMXCSR, unless it unmasks an exception or sets a reserved bit. Another vCPU may change the value between the test and the load, so it is copied.
    /// </summary>
    private void LoadMxcsr(int i)
    {
        _a.Load(4, Data, Access(i, OpAt(i), sizeof(uint), writes: false));
        _a.Store(4, HostOperand.State(EngineFields.ValueOffset), Data);
        var flags = TakeFlags(i);
        _a.Load(4, Data, HostOperand.State(EngineFields.ValueOffset));
        _a.Alu(4, 6, Data, (int)FxImage.MxcsrDefault);

        // test edi, masks and reserved bits.
        _a.Op(4, 0xF7, 0, Data);
        _a.Int32(MxcsrTested);
        var isRefused = _a.JumpIf(5);
        AddSlowPath(i, flags, isRefused, null);
        _a.Op0F(4, 0xAE, 2, HostOperand.State(EngineFields.ValueOffset));
    }

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
