using System.Buffers.Binary;

namespace Vivarium.X86;

/// <summary>XSAVE, XSAVEOPT, XSAVEC, XRSTOR, XGETBV and XSETBV (Intel SDM Vol. 1 §13.7–13.11).</summary>
internal static unsafe class XsaveHandlers
{
    private const ulong Cr4OsXsave = 1 << 18;
    private const ulong CompactedFormat = 1UL << 63;
    private const int AlignmentMask = 63;
    private const int Rax = 0;
    private const int Rcx = 1;
    private const int Rdx = 2;

    public static bool Save(CpuCore core, DecodedOp* op) => SaveStandard(core, op, optimised: false);

    public static bool SaveOptimised(CpuCore core, DecodedOp* op) => SaveStandard(core, op, optimised: true);

    public static bool SaveCompacted(CpuCore core, DecodedOp* op)
    {
        if (!Enter(core, op))
        {
            return false;
        }

        var state = core.State;
        var requested = Requested(state);
        var inUse = XsaveImage.InUse(state) | (state->Mxcsr != FxImage.MxcsrDefault ? XsaveLayout.SseBit : 0);
        var saved = requested & inUse;
        Span<byte> image = stackalloc byte[XsaveLayout.MaxBytes];
        var size = XsaveLayout.CompactedBytes(requested);
        if (!core.TryLoadBytes(op, 0, image[..size]))
        {
            return false;
        }

        var longMode = (op->Flags & OpFlags.LongMode) != 0;
        Fill(state, image, saved, longMode, op->Size == sizeof(ulong), requested);
        if ((saved & XsaveLayout.SseBit) != 0)
        {
            FxImage.StoreMxcsr(state, image);
        }

        BinaryPrimitives.WriteUInt64LittleEndian(image[XsaveLayout.LegacyBytes..], saved);
        BinaryPrimitives.WriteUInt64LittleEndian(image[(XsaveLayout.LegacyBytes + 8)..], requested | CompactedFormat);
        return core.TryStoreBytes(op, 0, image[..size]);
    }

    public static bool Restore(CpuCore core, DecodedOp* op)
    {
        Span<byte> image = stackalloc byte[XsaveLayout.MaxBytes];
        if (!Enter(core, op) || !core.TryLoadBytes(op, 0, image[..XsaveLayout.ExtendedOffset]))
        {
            return false;
        }

        var state = core.State;
        var header = image.Slice(XsaveLayout.LegacyBytes, XsaveLayout.HeaderBytes);
        var present = BinaryPrimitives.ReadUInt64LittleEndian(header);
        var layout = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        var compacted = (layout & CompactedFormat) != 0;
        var allowed = compacted ? layout & ~CompactedFormat : state->Xcr0;
        var reserved = compacted ? header[16..] : header[8..24];
        if ((allowed & ~state->Xcr0) != 0 || (present & ~allowed) != 0 || reserved.ContainsAnyExcept((byte)0))
        {
            return core.Raise(ExceptionVector.GeneralProtection);
        }

        var requested = Requested(state);
        var loaded = requested & present;
        var size = compacted ? XsaveLayout.CompactedBytes(layout & ~CompactedFormat) : XsaveLayout.StandardBytes(loaded);
        var extended = image[XsaveLayout.ExtendedOffset..size];
        if (!extended.IsEmpty && !core.TryLoadBytes(op, XsaveLayout.ExtendedOffset, extended))
        {
            return false;
        }

        // The compacted form brings MXCSR with the SSE component; the standard form always, for SSE or AVX.
        var mxcsr = FxImage.ReadMxcsr(image);
        var wantsMxcsr = (requested & (XsaveLayout.SseBit | XsaveLayout.AvxBit)) != 0;
        var loadsMxcsr = wantsMxcsr && (!compacted || (loaded & XsaveLayout.SseBit) != 0);
        if (loadsMxcsr && (mxcsr & ~FxImage.MxcsrMask) != 0)
        {
            return core.Raise(ExceptionVector.GeneralProtection);
        }

        if (loadsMxcsr)
        {
            state->Mxcsr = mxcsr;
        }
        else if ((requested & XsaveLayout.SseBit) != 0)
        {
            state->Mxcsr = FxImage.MxcsrDefault;
        }

        var longMode = (op->Flags & OpFlags.LongMode) != 0;
        var pkru = state->Pkru;
        Load(state, image, loaded, longMode, op->Size == sizeof(ulong), compacted ? layout : 0);
        Initialise(state, requested & ~present, longMode);
        core.FollowPkru(pkru);
        return true;
    }

    public static bool GetBv(CpuCore core, DecodedOp* op)
    {
        var state = core.State;
        if ((state->Cr4 & Cr4OsXsave) == 0)
        {
            return core.Raise(ExceptionVector.InvalidOpcode);
        }

        ulong value;
        switch ((uint)state->Gpr[Rcx])
        {
            case 0:
                value = state->Xcr0;
                break;
            case 1:
                value = state->Xcr0 & XsaveImage.InUse(state);
                break;
            default:
                return core.Raise(ExceptionVector.GeneralProtection);
        }

        state->Gpr[Rax] = (uint)value;
        state->Gpr[Rdx] = value >> 32;
        return true;
    }

    public static bool SetBv(CpuCore core, DecodedOp* op)
    {
        var state = core.State;
        if ((state->Cr4 & Cr4OsXsave) == 0)
        {
            return core.Raise(ExceptionVector.InvalidOpcode);
        }

        var value = (uint)state->Gpr[Rax] | (state->Gpr[Rdx] << 32);
        if (state->Cpl != 0 || (uint)state->Gpr[Rcx] != 0 || !XsaveLayout.IsValidXcr0(value, core.SupportedXcr0))
        {
            return core.Raise(ExceptionVector.GeneralProtection);
        }

        state->Xcr0 = value;
        return true;
    }

    private static bool SaveStandard(CpuCore core, DecodedOp* op, bool optimised)
    {
        if (!Enter(core, op))
        {
            return false;
        }

        var state = core.State;
        var requested = Requested(state);
        var inUse = XsaveImage.InUse(state);
        var saved = optimised ? requested & inUse : requested;
        Span<byte> image = stackalloc byte[XsaveLayout.MaxBytes];
        var size = XsaveLayout.StandardBytes(requested);
        if (!core.TryLoadBytes(op, 0, image[..size]))
        {
            return false;
        }

        var longMode = (op->Flags & OpFlags.LongMode) != 0;
        Fill(state, image, saved, longMode, op->Size == sizeof(ulong), compactedLayout: 0);
        if ((requested & (XsaveLayout.SseBit | XsaveLayout.AvxBit)) != 0)
        {
            FxImage.StoreMxcsr(state, image);
        }

        var header = image[XsaveLayout.LegacyBytes..];
        var present = BinaryPrimitives.ReadUInt64LittleEndian(header);
        BinaryPrimitives.WriteUInt64LittleEndian(header, (present & ~requested) | (requested & inUse));
        return core.TryStoreBytes(op, 0, image[..size]);
    }

    /// <summary>#UD without CR4.OSXSAVE, #NM for CR0.TS, #GP for an area not aligned to 64 bytes.</summary>
    private static bool Enter(CpuCore core, DecodedOp* op)
    {
        var state = core.State;
        if ((state->Cr4 & Cr4OsXsave) == 0)
        {
            return core.Raise(ExceptionVector.InvalidOpcode);
        }

        if ((state->Cr0 & SseUnit.Cr0TaskSwitched) != 0)
        {
            return core.Raise(ExceptionVector.DeviceNotAvailable);
        }

        return (core.LinearAddress(op) & AlignmentMask) == 0 || core.Raise(ExceptionVector.GeneralProtection);
    }

    private static ulong Requested(CpuState* state) => ((uint)state->Gpr[Rax] | (state->Gpr[Rdx] << 32)) & state->Xcr0;

    private static int Offset(int component, ulong compactedLayout) => compactedLayout != 0
        ? XsaveLayout.CompactedOffset(compactedLayout & ~CompactedFormat, component)
        : XsaveLayout.Offset(component);

    private static void Fill(CpuState* state, Span<byte> image, ulong components, bool longMode, bool wide, ulong compactedLayout)
    {
        if ((components & XsaveLayout.X87Bit) != 0)
        {
            FxImage.StoreX87(state, image, wide);
        }

        if ((components & XsaveLayout.SseBit) != 0)
        {
            FxImage.StoreXmm(state, image, longMode);
        }

        if ((components & XsaveLayout.AvxBit) != 0)
        {
            XsaveImage.StoreAvx(state, image[Offset(XsaveLayout.Avx, compactedLayout)..], longMode);
        }

        if ((components & XsaveLayout.PkruBit) != 0)
        {
            XsaveImage.StorePkru(state, image[Offset(XsaveLayout.Pkru, compactedLayout)..]);
        }
    }

    private static void Load(CpuState* state, ReadOnlySpan<byte> image, ulong components, bool longMode, bool wide, ulong compactedLayout)
    {
        if ((components & XsaveLayout.X87Bit) != 0)
        {
            FxImage.LoadX87(state, image, wide);
        }

        if ((components & XsaveLayout.SseBit) != 0)
        {
            FxImage.LoadXmm(state, image, longMode);
        }

        if ((components & XsaveLayout.AvxBit) != 0)
        {
            XsaveImage.LoadAvx(state, image[Offset(XsaveLayout.Avx, compactedLayout)..], longMode);
        }

        if ((components & XsaveLayout.PkruBit) != 0)
        {
            XsaveImage.LoadPkru(state, image[Offset(XsaveLayout.Pkru, compactedLayout)..]);
        }
    }

    private static void Initialise(CpuState* state, ulong components, bool longMode)
    {
        if ((components & XsaveLayout.X87Bit) != 0)
        {
            XsaveImage.InitializeX87(state);
        }

        if ((components & XsaveLayout.SseBit) != 0)
        {
            XsaveImage.InitializeXmm(state, longMode);
        }

        if ((components & XsaveLayout.AvxBit) != 0)
        {
            XsaveImage.InitializeAvx(state, longMode);
        }

        if ((components & XsaveLayout.PkruBit) != 0)
        {
            state->Pkru = 0;
        }
    }
}
