namespace Vivarium.X86;

/// <content>Power-up and INIT states (Intel SDM Vol. 3A Table 10-1).</content>
public sealed unsafe partial class X86Cpu
{
    private const uint DataAttributes = 0x93;
    private const ulong ResetPat = 0x0007040600070406;
    private const ulong FixedDr6 = 0xFFFF0FF0;

    /// <summary>Returns to the state after power-on: the bootstrap processor at F000:FFF0, others waiting for a startup IPI.</summary>
    public void Reset()
    {
        *_state = default;
        _state->Cr0 = ControlBits.Cr0Cd | ControlBits.Cr0Nw | ControlBits.Cr0Et;
        _state->Far = RegisterOffset.FarBytes;
        _state->Xcr0 = 1;
        _state->Mxcsr = 0x1F80;
        _state->Fcw = 0x40;
        _state->Ftw = 0x5555;
        _state->Pat = ResetPat;
        _state->MiscEnable = 1;
        ResetCommon();
        _core.ClearSignals();
    }

    private void ResetByInit()
    {
        var keptCr0 = _state->Cr0 & (ControlBits.Cr0Cd | ControlBits.Cr0Nw);
        _state->Cr0 = keptCr0 | ControlBits.Cr0Et;
        _state->Cr2 = _state->Cr3 = _state->Cr4 = _state->Efer = 0;
        for (var i = 0; i < 16; i++)
        {
            _state->Gpr[i] = 0;
        }

        _core.LocalApic?.ResetByInit();
        ResetCommon();
    }

    /// <summary>What power-up and INIT have in common.</summary>
    private void ResetCommon()
    {
        LazyFlags.SetAll(_state, 0);
        _state->Gpr[2] = 0x000306F2;
        _state->Rip = 0xFFF0;
        _state->Cpl = 0;
        for (var i = X86Segment.Es; i <= X86Segment.Gs; i++)
        {
            _core.Segment((int)i) = new SegmentRegister { Limit = 0xFFFF, Attributes = DataAttributes };
        }

        _state->Cs.Selector = 0xF000;
        _state->Cs.Base = 0xFFFF0000;
        _state->Ldtr = new SegmentRegister { Limit = 0xFFFF, Attributes = 0x82 };
        _state->Tr = new SegmentRegister { Limit = 0xFFFF, Attributes = 0x8B };
        _state->GdtBase = _state->IdtBase = 0;
        _state->GdtLimit = _state->IdtLimit = 0xFFFF;
        for (var i = 0; i < 4; i++)
        {
            _state->Dr[i] = 0;
        }

        _state->Dr[6] = FixedDr6;
        _state->Dr[7] = 0x400;
        _state->InterruptShadow = InterruptShadow.None;
        _state->NmiMasked = _state->NmiPending = _state->Kicked = 0;
        _state->PendingDebug = 0;
        _state->Activity = _options.IsBootstrap ? ActivityState.Active : ActivityState.WaitForStartup;
        _core.Pending = PendingKind.None;
        ResumesAtStop = false;
        _debugger?.ForgetStop();
        _stalled = 0;
        _core.FlushTlb();
        _core.UpdateMode();
    }
}
