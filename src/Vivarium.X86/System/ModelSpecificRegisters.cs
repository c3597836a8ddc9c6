namespace Vivarium.X86;

/// <summary>The processor's own MSRs; those of devices (APIC, KVM clock) come from <see cref="IMsrHandler"/>s.</summary>
internal sealed unsafe class ModelSpecificRegisters(CpuCore core, IReadOnlyList<IMsrHandler> handlers, TimeStampCounter tsc)
{
    /// <summary>Not vulnerable, and enhanced IBRS, so that guests use plain indirect branches: RDCL_NO, IBRS_ALL, SKIP_L1DFL, SSB_NO, MDS_NO,
    /// PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO, FBSDP_NO, PSDP_NO, BHI_NO, PBRSB_NO, GDS_NO, RFDS_NO, ITS_NO.</summary>
    private const ulong ArchCapabilities = (1UL << 0) | (1UL << 1) | (1UL << 3) | (1UL << 4) | (1UL << 5) | (1UL << 6) | (1UL << 8)
        | (1UL << 13) | (1UL << 14) | (1UL << 15) | (1UL << 20) | (1UL << 24) | (1UL << 26) | (1UL << 27) | (1UL << 62);

    private const ulong MtrrCap = 0x508;
    private readonly CpuState* _state = core.State;

    public bool TryRead(uint index, out ulong value)
    {
        var s = _state;
        switch (index)
        {
            case Msr.Tsc: value = tsc.Read(); return true;
            case Msr.TscAdjust: value = s->TscAdjust; return core.Model.Has(CpuFeature.TscAdjust);
            case Msr.SpecCtrl: value = s->SpecCtrl; return true;
            case Msr.FeatureControl: value = 1; return true;
            case Msr.BiosSignId: value = 0; return true;
            case Msr.MtrrCap: value = MtrrCap; return true;
            case Msr.ArchCapabilities: value = ArchCapabilities; return true;
            case Msr.SysenterCs: value = s->SysenterCs; return true;
            case Msr.SysenterEsp: value = s->SysenterEsp; return true;
            case Msr.SysenterEip: value = s->SysenterEip; return true;
            case Msr.McgCap or Msr.McgStatus: value = 0; return true;
            case Msr.MiscEnable: value = s->MiscEnable; return true;
            case Msr.DebugCtl: value = 0; return true;
            case Msr.Pat: value = s->Pat; return true;
            case Msr.MtrrDefType: value = s->MtrrDefType; return true;
            case Msr.Efer: value = s->Efer; return true;
            case Msr.Star: value = s->Star; return true;
            case Msr.Lstar: value = s->Lstar; return true;
            case Msr.Cstar: value = s->Cstar; return true;
            case Msr.Sfmask: value = s->Sfmask; return true;
            case Msr.FsBase: value = s->Fs.Base; return true;
            case Msr.GsBase: value = s->Gs.Base; return true;
            case Msr.KernelGsBase: value = s->KernelGsBase; return true;
            case Msr.TscAux: value = s->TscAux; return core.Model.Has(CpuFeature.Rdtscp);
        }

        var mtrr = Mtrr.Slot(index);
        if (mtrr >= 0)
        {
            value = s->Mtrr[mtrr];
            return true;
        }

        foreach (var handler in handlers)
        {
            if (handler.TryReadMsr(index, out value))
            {
                return true;
            }
        }

        value = 0;
        return false;
    }

    public bool TryWrite(uint index, ulong value)
    {
        var s = _state;
        switch (index)
        {
            case Msr.Tsc: tsc.Write(value); return true;
            case Msr.TscAdjust: tsc.Adjust(value); return core.Model.Has(CpuFeature.TscAdjust);
            case Msr.SpecCtrl: s->SpecCtrl = value & 7; return (value & ~7UL) == 0;
            case Msr.PredCmd: return (value & ~1UL) == 0;
            case Msr.BiosSignId or Msr.McgStatus or Msr.DebugCtl: return true;
            case Msr.SysenterCs: s->SysenterCs = value; return true;
            case Msr.SysenterEsp: return SetCanonical(ref s->SysenterEsp, value);
            case Msr.SysenterEip: return SetCanonical(ref s->SysenterEip, value);
            case Msr.MiscEnable: s->MiscEnable = value; return true;
            case Msr.Pat: return Mtrr.TrySetPat(s, value);
            case Msr.MtrrDefType: s->MtrrDefType = value; return (value & ~0xCFFUL) == 0;
            case Msr.Efer: return ControlRegisters.TryWriteEfer(core, value);
            case Msr.Star: s->Star = value; return true;
            case Msr.Lstar: return SetCanonical(ref s->Lstar, value);
            case Msr.Cstar: return SetCanonical(ref s->Cstar, value);
            case Msr.Sfmask: s->Sfmask = (uint)value; return value <= uint.MaxValue;
            case Msr.FsBase: return SetCanonical(ref s->Fs.Base, value);
            case Msr.GsBase: return SetCanonical(ref s->Gs.Base, value);
            case Msr.KernelGsBase: return SetCanonical(ref s->KernelGsBase, value);
            case Msr.TscAux: s->TscAux = (uint)value; return value <= uint.MaxValue && core.Model.Has(CpuFeature.Rdtscp);
        }

        var mtrr = Mtrr.Slot(index);
        if (mtrr >= 0)
        {
            s->Mtrr[mtrr] = value;
            return true;
        }

        foreach (var handler in handlers)
        {
            if (handler.TryWriteMsr(index, value))
            {
                return true;
            }
        }

        return false;
    }

    private static bool SetCanonical(ref ulong register, ulong value)
    {
        if ((ulong)((long)(value << 16) >> 16) != value)
        {
            return false;
        }

        register = value;
        return true;
    }
}
