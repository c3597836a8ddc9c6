using System.Runtime.InteropServices;
using static Vivarium.X86.HostRegister;

namespace Vivarium.X86;

/// <content>
/// SYSCALL and SYSRET in 64-bit mode (Intel SDM Vol. 2B). What is out of the ordinary is found before anything has changed, and the
/// interpreter executes it. Both go on through the jump cache, under the context of the new privilege.
/// </content>
internal sealed unsafe partial class BlockTranslator
{
    private const int GuestRcx = 1;
    private const int GuestR11 = 11;
    private const int HighFlagShift = 8;
    private static readonly int s_efer = OffsetOf(nameof(CpuState.Efer));
    private static readonly int s_star = OffsetOf(nameof(CpuState.Star));
    private static readonly int s_lstar = OffsetOf(nameof(CpuState.Lstar));
    private static readonly int s_sfmask = OffsetOf(nameof(CpuState.Sfmask));
    private static readonly int s_cs = OffsetOf(nameof(CpuState.Cs));
    private static readonly int s_ss = OffsetOf(nameof(CpuState.Ss));
    private static readonly int s_limit = (int)Marshal.OffsetOf<SegmentRegister>(nameof(SegmentRegister.Limit));
    private static readonly int s_attributes = (int)Marshal.OffsetOf<SegmentRegister>(nameof(SegmentRegister.Attributes));
    private static readonly int s_selector = (int)Marshal.OffsetOf<SegmentRegister>(nameof(SegmentRegister.Selector));

    private void SystemCall(int i)
    {
        var flags = SaveAllFlags();
        EmitKeptFlags(Data);
        _a.AluLoad(4, 4, Data, HostOperand.State(s_flagSystem));
        _a.Alu(4, 4, Data, (int)Rflags.Ac);
        var aligned = _a.JumpIf(5);
        _a.Test(HostOperand.State(s_efer), (int)ControlBits.EferSce);
        AddSlowPath(i, flags, aligned, _a.JumpIf(4));

        // R11 gets RFLAGS, RCX the way back.
        EmitAllFlags();
        _a.Alu(4, 4, Data, ~(int)Rflags.Rf);
        _a.Store(8, HostOperand.Gpr(GuestR11), Data);
        _a.Load(8, Data, RipPage);
        _a.LoadAddress(8, Of(GuestRcx), new HostOperand(Data, OpAt(i)->PageOffset + OpAt(i)->Length));

        // Of the image CF to SF are in the high byte, OF in the low one.
        EmitKeptFlags(Data);
        _a.Move(4, Address, Data);
        _a.AluLoad(4, 4, Data, HostOperand.State(s_flagSystem));
        _a.Alu(4, 4, Data, ~(int)Rflags.Rf);
        _a.Alu(4, 1, Data, (int)Rflags.One);
        _a.Store(8, HostOperand.State(s_flagSystem), Data);
        _a.Move(4, Data, Address);
        _a.Shift(4, 4, Data, HighFlagShift);
        _a.Shift(4, 5, Address, OverflowShift);
        _a.Alu(4, 4, Address, 1);
        _a.Alu(4, 4, Data, 0xFF00);
        _a.AluRegister(4, 1, Data, Address);
        _a.LoadZero16(Address, HostOperand.State(EngineFields.HostFlagsOffset));
        _a.AluRegister(4, 4, Data, Address);
        _a.Store16(HostOperand.State(EngineFields.HostFlagsOffset), Data);

        _a.Load(4, Data, HostOperand.State(s_star + 4));
        _a.Alu(4, 4, Data, 0xFFFC);
        _a.Store16(HostOperand.State(s_cs + s_selector), Data);
        _a.Alu(4, 0, Data, 8);
        _a.Store16(HostOperand.State(s_ss + s_selector), Data);
        EmitFlatSegments(0);
        EnterPrivilege(0, MmuMode.Supervisor, EngineFields.SupervisorContextOffset);
        _a.Load(8, Data, HostOperand.State(s_lstar));
        EmitJumpCache(-1, default, i + 1, default);
    }

    private void SystemReturn(int i)
    {
        var flags = TakeFlags(i);
        _a.Load(4, Address, HostOperand.State(s_efer));
        _a.Alu(4, 4, Address, (int)ControlBits.EferSce);
        _a.Alu(4, 6, Address, (int)ControlBits.EferSce);
        _a.Load(4, Data, HostOperand.Gpr(GuestR11));
        _a.Alu(4, 4, Data, (int)(Rflags.Tf | Rflags.Ac));
        _a.AluRegister(4, 1, Data, Address);
        _a.AluLoad(4, 1, Data, HostOperand.State(s_privilege));
        _a.AluLoad(4, 1, Data, HostOperand.State(EngineFields.InterruptWaitingOffset));
        var extraordinary = _a.JumpIf(5);
        _a.Move(8, Data, Of(GuestRcx));
        _a.Shift(8, 4, Data, 16);
        _a.Shift(8, 7, Data, 16);
        _a.AluRegister(8, 7, Data, Of(GuestRcx));
        AddSlowPath(i, flags, extraordinary, _a.JumpIf(5));

        _a.Load(4, Data, HostOperand.Gpr(GuestR11));
        _a.Move(4, Address, Data);
        _a.Shift(4, 5, Address, OverflowShift);
        _a.Alu(4, 4, Address, 1);
        _a.Shift(4, 4, Data, HighFlagShift);
        _a.Alu(4, 4, Data, (int)((Rflags.Arithmetic & 0xFF) << HighFlagShift));
        _a.AluRegister(4, 1, Data, Address);
        _a.Store16(HostOperand.State(EngineFields.HostFlagsOffset), Data);
        _a.Load(4, Data, HostOperand.Gpr(GuestR11));
        _a.Alu(4, 4, Data, (int)(Rflags.All & ~(Rflags.Arithmetic | Rflags.Rf | Rflags.Vm)));
        _a.Alu(4, 1, Data, (int)Rflags.One);
        _a.Store(8, HostOperand.State(s_flagSystem), Data);

        _a.LoadZero16(Data, HostOperand.State(s_star + 6));
        _a.Alu(4, 1, Data, 3);
        _a.Alu(4, 0, Data, 8);
        _a.Store16(HostOperand.State(s_ss + s_selector), Data);
        _a.Alu(4, 0, Data, 8);
        _a.Store16(HostOperand.State(s_cs + s_selector), Data);
        EmitFlatSegments(3);
        EnterPrivilege(3, MmuMode.User, EngineFields.UserContextOffset);
        _a.Move(8, Data, Of(GuestRcx));
        EmitJumpCache(-1, default, i + 1, default);
    }

    /// <summary>The flags that SYSCALL leaves alone: all that are not in IA32_FMASK.</summary>
    private void EmitKeptFlags(int register)
    {
        _a.Load(4, register, HostOperand.State(s_sfmask));
        _a.Alu(4, 6, register, -1);
    }

    /// <summary>RFLAGS to <see cref="Data"/> from the image and the system flags; the other temporary is lost.</summary>
    private void EmitAllFlags()
    {
        _a.LoadZero16(Data, HostOperand.State(EngineFields.HostFlagsOffset));
        _a.Move(4, Address, Data);
        _a.Shift(4, 5, Data, HighFlagShift);
        _a.Alu(4, 4, Address, 1);
        _a.Shift(4, 4, Address, OverflowShift);
        _a.AluRegister(4, 1, Data, Address);
        _a.AluLoad(4, 1, Data, HostOperand.State(s_flagSystem));
    }

    private void EmitFlatSegments(int privilege)
    {
        _a.StoreImmediate(8, HostOperand.State(s_cs), 0);
        _a.StoreImmediate(4, HostOperand.State(s_cs + s_limit), -1);
        _a.StoreImmediate(4, HostOperand.State(s_cs + s_attributes), (int)FastSystemCall.CodeAttributes(privilege, longMode: true));
        _a.StoreImmediate(8, HostOperand.State(s_ss), 0);
        _a.StoreImmediate(4, HostOperand.State(s_ss + s_limit), -1);
        _a.StoreImmediate(4, HostOperand.State(s_ss + s_attributes), (int)FastSystemCall.StackAttributes(privilege));
    }

    /// <summary>CPL, and with it the TLB and what blocks are found by.</summary>
    private void EnterPrivilege(int privilege, MmuMode mmu, int contextOffset)
    {
        var mode = (_mode & ~(TranslationMode.MmuMask | (TranslationMode)DecodeMode.User))
            | (TranslationMode)((int)mmu << (int)TranslationMode.MmuShift)
            | (privilege == 3 ? (TranslationMode)DecodeMode.User : 0);
        _a.StoreImmediate(4, HostOperand.State(s_privilege), privilege);
        _a.Load(8, Data, HostOperand.State(contextOffset));
        _a.LoadAddress(8, Data, new HostOperand(Data, (int)mode));
        _a.Store(8, HostOperand.State(EngineFields.ContextOffset), Data);
        DiscardReturnFrames();
    }
}
