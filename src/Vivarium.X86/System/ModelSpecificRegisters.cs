namespace Vivarium.X86;

/// <summary>The processor's own MSRs; those of devices (APIC, KVM clock) come from <see cref="IMsrHandler"/>s.</summary>
internal sealed unsafe class ModelSpecificRegisters(CpuCore core, IReadOnlyList<IMsrHandler> handlers, TimeStampCounter tsc)
{
    /// <summary>Not vulnerable, and enhanced IBRS, so that guests use plain indirect branches: RDCL_NO, IBRS_ALL, SKIP_L1DFL, SSB_NO, MDS_NO,
    /// PSCHANGE_MC_NO, TAA_NO, SBDR_SSDP_NO, FBSDP_NO, PSDP_NO, BHI_NO, PBRSB_NO, GDS_NO, RFDS_NO, ITS_NO.</summary>
    private const ulong ArchCapabilities = (1UL << 0) | (1UL << 1) | (1UL << 3) | (1UL << 4) | (1UL << 5) | (1UL << 6) | (1UL << 8)
        | (1UL << 13) | (1UL << 14) | (1UL << 15) | (1UL << 20) | (1UL << 24) | (1UL << 26) | (1UL << 27) | (1UL << 62);

    /// <summary>IBRS, STIBP, SSBD and BHI_DIS_S of IA32_SPEC_CTRL: kept, without effect.</summary>
    private const ulong SpecCtrlBits = 7 | (1 << 10);

    private const ulong MtrrCap = 0x508;
    private readonly CpuState* _state = core.State;

    public bool TryRead(uint index, out ulong value)
    {
        var s = _state;
        switch (index)
        {
            case MsrIndex.Tsc: value = tsc.Read(); return true;
            case MsrIndex.TscAdjust: value = s->TscAdjust; return core.Model.Has(CpuFeature.TscAdjust);
            case MsrIndex.SpecCtrl: value = s->SpecCtrl; return true;
            case MsrIndex.FeatureControl: value = 1; return true;
            case MsrIndex.PlatformId or MsrIndex.BiosSignId: value = 0; return true;
            case MsrIndex.MtrrCap: value = MtrrCap; return true;
            case MsrIndex.ArchCapabilities: value = ArchCapabilities; return true;
            case MsrIndex.SysenterCs: value = s->SysenterCs; return true;
            case MsrIndex.SysenterEsp: value = s->SysenterEsp; return true;
            case MsrIndex.SysenterEip: value = s->SysenterEip; return true;
            case MsrIndex.McgCap or MsrIndex.McgStatus: value = 0; return true;
            case MsrIndex.MiscEnable: value = s->MiscEnable; return true;
            case MsrIndex.DebugCtl: value = 0; return true;
            case MsrIndex.Pat: value = s->Pat; return true;
            case MsrIndex.MtrrDefType: value = s->MtrrDefType; return true;
            case MsrIndex.Efer: value = s->Efer; return true;
            case MsrIndex.Star: value = s->Star; return true;
            case MsrIndex.Lstar: value = s->Lstar; return true;
            case MsrIndex.Cstar: value = s->Cstar; return true;
            case MsrIndex.Sfmask: value = s->Sfmask; return true;
            case MsrIndex.FsBase: value = s->Fs.Base; return true;
            case MsrIndex.GsBase: value = s->Gs.Base; return true;
            case MsrIndex.KernelGsBase: value = s->KernelGsBase; return true;
            case MsrIndex.TscAux: value = s->TscAux; return core.Model.Has(CpuFeature.Rdtscp);
        }

        var mtrr = MemoryTypeRanges.Slot(index);
        if (mtrr >= 0)
        {
            value = s->Mtrr[mtrr];
            return true;
        }

        // Devices may wait for the device lock, so the vCPU counts as parked meanwhile.
        core.Revocation?.Leave();
        var found = false;
        value = 0;
        for (var i = 0; i < handlers.Count && !found; i++)
        {
            found = handlers[i].TryReadMsr(index, out value);
        }

        core.Revocation?.Enter();
        return found;
    }

    public bool TryWrite(uint index, ulong value)
    {
        var s = _state;
        switch (index)
        {
            case MsrIndex.Tsc: tsc.Write(value); return true;
            case MsrIndex.TscAdjust when core.Model.Has(CpuFeature.TscAdjust): tsc.Adjust(value); return true;
            case MsrIndex.SpecCtrl: return SetMasked(ref s->SpecCtrl, value, SpecCtrlBits);
            case MsrIndex.PredCmd: return (value & ~1UL) == 0;
            case MsrIndex.BiosSignId or MsrIndex.McgStatus or MsrIndex.DebugCtl: return true;
            case MsrIndex.SysenterCs: s->SysenterCs = (uint)value; return true;
            case MsrIndex.SysenterEsp: return SetCanonical(ref s->SysenterEsp, value);
            case MsrIndex.SysenterEip: return SetCanonical(ref s->SysenterEip, value);
            case MsrIndex.MiscEnable: s->MiscEnable = value; return true;
            case MsrIndex.Pat: return MemoryTypeRanges.TrySetPat(s, value);
            case MsrIndex.MtrrDefType: return MemoryTypeRanges.TrySetDefault(s, value);
            case MsrIndex.Efer: return ControlRegisters.TryWriteEfer(core, value);
            case MsrIndex.Star: s->Star = value; return true;
            case MsrIndex.Lstar: return SetCanonical(ref s->Lstar, value);
            case MsrIndex.Cstar: return SetCanonical(ref s->Cstar, value);
            case MsrIndex.Sfmask: return SetMasked(ref s->Sfmask, value, uint.MaxValue);
            case MsrIndex.FsBase: return SetCanonical(ref s->Fs.Base, value);
            case MsrIndex.GsBase: return SetCanonical(ref s->Gs.Base, value);
            case MsrIndex.KernelGsBase: return SetCanonical(ref s->KernelGsBase, value);
            case MsrIndex.TscAux when core.Model.Has(CpuFeature.Rdtscp): return SetMasked(ref s->TscAux, value, uint.MaxValue);
        }

        var mtrr = MemoryTypeRanges.Slot(index);
        if (mtrr >= 0)
        {
            return MemoryTypeRanges.TrySet(s, mtrr, value);
        }

        core.Revocation?.Leave();
        var found = false;
        for (var i = 0; i < handlers.Count && !found; i++)
        {
            found = handlers[i].TryWriteMsr(index, value);
        }

        core.Revocation?.Enter();
        return found;
    }

    private static bool SetMasked(ref ulong register, ulong value, ulong writable)
    {
        if ((value & ~writable) != 0)
        {
            return false;
        }

        register = value;
        return true;
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
