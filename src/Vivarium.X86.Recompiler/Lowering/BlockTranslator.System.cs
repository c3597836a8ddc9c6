using System.Runtime.InteropServices;
using Iced.Intel;
using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>STAC, CLAC and STI.</content>
internal sealed unsafe partial class BlockTranslator
{
    private static readonly int s_cr4 = (int)Marshal.OffsetOf<CpuState>(nameof(CpuState.Cr4));
    private static readonly int s_shadow = (int)Marshal.OffsetOf<CpuState>(nameof(CpuState.InterruptShadow));

    /// <summary>The CLAC that undoes the last STAC with nothing but straight code between, or −1.</summary>
    private int _undoing = -1;

    private MmuMode Mmu => (MmuMode)((int)(_mode & TranslationMode.MmuMask) >> (int)TranslationMode.MmuShift);

    /// <summary>
    /// AC chooses the TLB, which is known from here on. With other values than expected, of CPL or CR4.SMAP, the interpreter goes on.
    /// </summary>
    private void AccessControl(int i)
    {
        var sets = InstructionAt(i).Mnemonic == Mnemonic.Stac;
        var mmu = sets ? MmuMode.SupervisorNoSmap : MmuMode.Supervisor;
        var changes = mmu != Mmu;
        var flags = TakeFlags(i);
        _a.Alu(4, 7, HostOperand.State(s_privilege), 0);
        var unprivileged = _a.JumpIf(5);
        byte* unprotected = null;
        if (sets && changes)
        {
            _a.Test(HostOperand.State(s_cr4), (int)ControlBits.Cr4Smap);
            unprotected = _a.JumpIf(4);
        }

        AddSlowPath(i, flags, unprivileged, unprotected);
        _a.Alu(4, sets ? 1 : 4, HostOperand.State(s_flagSystem), sets ? (int)Rflags.Ac : ~(int)Rflags.Ac);
        if (changes)
        {
            _mode = (_mode & ~TranslationMode.MmuMask) | (TranslationMode)((int)mmu << (int)TranslationMode.MmuShift);
            _a.StoreImmediate16(HostOperand.State(EngineFields.ContextOffset), (ushort)_mode);
            if (!IsUndone(i))
            {
                DiscardReturnFrames();
            }
        }
    }

    /// <summary>Whether a pair of STAC and CLAC leaves the mode of the block as it was before any return can be made.</summary>
    private bool IsUndone(int i)
    {
        if (InstructionAt(i).Mnemonic == Mnemonic.Clac)
        {
            var isUndone = _undoing == i;
            _undoing = -1;
            return isUndone;
        }

        for (var k = i + 1; k < _run.Count && InstructionAt(k).FlowControl == FlowControl.Next && _kinds[k] != LoweringKind.AllowInterrupts; k++)
        {
            if (InstructionAt(k).Mnemonic == Mnemonic.Clac)
            {
                _undoing = k;
                return true;
            }
        }

        return false;
    }

    /// <summary>Return addresses on the host's stack are of the mode that was left: a return under the new one must not use them.</summary>
    private void DiscardReturnFrames() => _a.Load(8, Rsp, HostOperand.State(EngineFields.HostStackOffset));

    /// <summary>STI at CPL 0 with IF clear and no interrupt waiting.</summary>
    private void AllowInterrupts(int i)
    {
        var flags = SaveAllFlags();
        _a.Load(4, Data, HostOperand.State(s_flagSystem));
        _a.Alu(4, 4, Data, (int)Rflags.If);
        _a.AluLoad(4, 1, Data, HostOperand.State(s_privilege));
        _a.AluLoad(4, 1, Data, HostOperand.State(EngineFields.InterruptWaitingOffset));
        AddSlowPath(i, flags, _a.JumpIf(5), null);
        _a.Alu(4, 1, HostOperand.State(s_flagSystem), (int)Rflags.If);
        EmitShadowedEdge(_run.EndOffset, i + 1);
    }

    /// <summary>
    /// On to a block at an offset from the page whose first instruction comes before any interrupt: who leaves the code here takes the shadow
    /// along.
    /// </summary>
    private void EmitShadowedEdge(int target, int count)
    {
        _a.Alu(8, 5, HostOperand.State(EngineFields.CounterOffset), count);
        if (IsLinkable(target))
        {
            var ended = _a.JumpIf(14);
            var link = AlignedJump();
            var edge = _cache.AddEdge(link, _a.Position);
            _a.Bind(link);
            EmitShadowedExit(target, ExitCode.FirstEdge + edge);
            _a.Bind(ended);
        }

        EmitShadowedExit(target, ExitCode.Lookup);
    }

    private void EmitShadowedExit(int target, int code)
    {
        _a.StoreImmediate8(HostOperand.State(s_shadow), (byte)InterruptShadow.Sti);
        LoadCodeAddress(WordSize, target);
        _a.Store(8, HostOperand.State(RegisterOffset.Rip), Data);
        _a.MoveImmediate(Address, code);
        _a.Jump(_cache.Thunks.Exit);
    }
}
