namespace Vivarium.X86;

/// <summary>FXSAVE, FXRSTOR, LDMXCSR and STMXCSR.</summary>
internal static unsafe class FxHandlers
{
    private const int AlignmentMask = 15;

    public static bool Save(CpuCore core, DecodedOp* op)
    {
        if (!Enter(core, op))
        {
            return false;
        }

        var longMode = (op->Flags & OpFlags.LongMode) != 0;
        Span<byte> image = stackalloc byte[FxImage.UsedBytes(longMode)];
        FxImage.StoreX87(core.State, image, op->Size == sizeof(ulong));
        FxImage.StoreMxcsr(core.State, image);
        FxImage.StoreXmm(core.State, image, longMode);
        return core.TryStoreBytes(op, 0, image);
    }

    public static bool Restore(CpuCore core, DecodedOp* op)
    {
        Span<byte> image = stackalloc byte[FxImage.SizeBytes];
        if (!Enter(core, op) || !core.TryLoadBytes(op, 0, image))
        {
            return false;
        }

        var mxcsr = FxImage.ReadMxcsr(image);
        if ((mxcsr & ~FxImage.MxcsrMask) != 0)
        {
            return core.Raise(ExceptionVector.GeneralProtection);
        }

        FxImage.LoadX87(core.State, image, op->Size == sizeof(ulong));
        core.State->Mxcsr = mxcsr;
        FxImage.LoadXmm(core.State, image, (op->Flags & OpFlags.LongMode) != 0);
        return true;
    }

    public static bool LoadMxcsr(CpuCore core, DecodedOp* op) => SseUnit.Enter(core) && TryLoadMxcsr(core, op);

    public static bool StoreMxcsr(CpuCore core, DecodedOp* op) => SseUnit.Enter(core) && core.TryStore(op, core.State->Mxcsr);

    /// <summary>Loads MXCSR, whose reserved bits are #GP.</summary>
    public static bool TryLoadMxcsr(CpuCore core, DecodedOp* op)
    {
        if (!core.TryLoad(op, out uint value))
        {
            return false;
        }

        if ((value & ~FxImage.MxcsrMask) != 0)
        {
            return core.Raise(ExceptionVector.GeneralProtection);
        }

        core.State->Mxcsr = value;
        return true;
    }

    private static bool Enter(CpuCore core, DecodedOp* op) => X87Unit.EnterNoWait(core)
        && ((core.LinearAddress(op) & AlignmentMask) == 0 || core.Raise(ExceptionVector.GeneralProtection));
}
