namespace Vivarium.X86;

/// <summary>Delivers exceptions, turning faults during delivery into double and triple faults (Intel SDM Vol. 3A §6.15, Table 6-5).</summary>
internal static unsafe class ExceptionDispatch
{
    /// <summary>Delivers the fault recorded in the core. False: triple fault.</summary>
    public static bool TryDeliverPending(CpuCore c)
    {
        c.Pending = PendingKind.None;
        return TryDeliver(c, c.FaultVector, c.FaultErrorCode);
    }

    /// <summary>Delivers an external interrupt or NMI. False: triple fault.</summary>
    public static bool TryDeliverExternal(CpuCore c, byte vector)
    {
        c.RunsAlone = true;
        var done = InterruptDelivery.TryDeliver(c, vector, EventKind.External, hasErrorCode: false, 0) || TryDeliverPending(c);
        c.RunsAlone = false;
        return done;
    }

    /// <summary>Delivers an exception with RIP where it must be. False: triple fault.</summary>
    public static bool TryDeliver(CpuCore c, ExceptionVector vector, uint errorCode)
    {
        // No block runs meanwhile, so frames may be pushed onto pages with translated code.
        c.RunsAlone = true;
        var done = TryDeliverUntilTripleFault(c, vector, errorCode);
        c.RunsAlone = false;
        return done;
    }

    private static bool TryDeliverUntilTripleFault(CpuCore c, ExceptionVector vector, uint errorCode)
    {
        if (vector == ExceptionVector.Debug)
        {
            c.State->Dr[7] &= ~(1UL << 13);
        }

        while (true)
        {
            c.HasSwitchedTask = false;
            var hasErrorCode = c.IsProtected && HasErrorCode(vector);

            // Faults push RF set, so that an instruction breakpoint does not hit again on return.
            var flags = c.State->FlagSystem;
            if (IsFault(vector))
            {
                c.State->FlagSystem |= Rflags.Rf;
            }

            if (InterruptDelivery.TryDeliver(c, (byte)vector, EventKind.Exception, hasErrorCode, errorCode))
            {
                return true;
            }

            c.State->FlagSystem = c.HasSwitchedTask ? c.State->FlagSystem : flags;
            c.Pending = PendingKind.None;
            var second = c.FaultVector;
            if (vector == ExceptionVector.DoubleFault)
            {
                return false;
            }

            if (Combines(vector, second))
            {
                vector = ExceptionVector.DoubleFault;
                errorCode = 0;
            }
            else
            {
                vector = second;
                errorCode = c.FaultErrorCode;
            }
        }
    }

    private static bool Combines(ExceptionVector first, ExceptionVector second) =>
        (IsContributory(first) && IsContributory(second))
        || (first == ExceptionVector.PageFault && (IsContributory(second) || second == ExceptionVector.PageFault));

    private static bool IsContributory(ExceptionVector vector) => vector is ExceptionVector.DivideError or ExceptionVector.InvalidTss
        or ExceptionVector.SegmentNotPresent or ExceptionVector.StackFault or ExceptionVector.GeneralProtection;

    private static bool HasErrorCode(ExceptionVector vector) => vector is ExceptionVector.DoubleFault or ExceptionVector.InvalidTss
        or ExceptionVector.SegmentNotPresent or ExceptionVector.StackFault or ExceptionVector.GeneralProtection
        or ExceptionVector.PageFault or ExceptionVector.AlignmentCheck;

    private static bool IsFault(ExceptionVector vector) => vector is not (ExceptionVector.Debug or ExceptionVector.Breakpoint
        or ExceptionVector.Overflow or ExceptionVector.Nmi or ExceptionVector.DoubleFault or ExceptionVector.MachineCheck);
}
