namespace Vivarium.X86;

/// <summary>FNSTENV, FLDENV, FNSAVE and FRSTOR. Size is the length of the environment.</summary>
internal static unsafe class X87EnvironmentHandlers
{
    private const int RegistersBytes = 8 * Float80.SizeBytes;

    public static bool StoreEnvironment(CpuCore core, DecodedOp* op)
    {
        Span<byte> image = stackalloc byte[op->Size];
        if (!X87Unit.EnterNoWait(core))
        {
            return false;
        }

        X87Environment.Store(core.State, image);
        if (!core.TryStoreParts(op, PartBytes(op), image))
        {
            return false;
        }

        core.State->Fcw |= (ushort)FloatFlags.All;
        X87Unit.UpdateSummary(core.State);
        return true;
    }

    public static bool LoadEnvironment(CpuCore core, DecodedOp* op)
    {
        Span<byte> image = stackalloc byte[op->Size];
        if (!X87Unit.Enter(core) || !core.TryLoadParts(op, PartBytes(op), image))
        {
            return false;
        }

        X87Environment.Load(core.State, image);
        return true;
    }

    /// <summary>What alignment is checked against: words of the narrow form, doublewords of the wide one (Intel SDM Vol. 3A table 6-7).</summary>
    private static int PartBytes(DecodedOp* op) => op->Size == X87Environment.ShortBytes ? sizeof(ushort) : sizeof(uint);

    public static bool Save(CpuCore core, DecodedOp* op)
    {
        Span<byte> image = stackalloc byte[op->Size + RegistersBytes];
        if (!X87Unit.EnterNoWait(core))
        {
            return false;
        }

        var state = core.State;
        X87Environment.Store(state, image[..op->Size]);
        for (var i = 0; i < 8; i++)
        {
            new ReadOnlySpan<byte>(X87Unit.Register(state, i), Float80.SizeBytes).CopyTo(image[(op->Size + (i * Float80.SizeBytes))..]);
        }

        if (!core.TryStoreParts(op, PartBytes(op), image))
        {
            return false;
        }

        X87Unit.Initialize(state);
        core.SetFerr(false);
        return true;
    }

    public static bool Restore(CpuCore core, DecodedOp* op)
    {
        Span<byte> image = stackalloc byte[op->Size + RegistersBytes];
        if (!X87Unit.Enter(core) || !core.TryLoadParts(op, PartBytes(op), image))
        {
            return false;
        }

        var state = core.State;
        X87Environment.Load(state, image[..op->Size]);
        for (var i = 0; i < 8; i++)
        {
            image.Slice(op->Size + (i * Float80.SizeBytes), Float80.SizeBytes).CopyTo(new Span<byte>(X87Unit.Register(state, i), Float80.SizeBytes));
        }

        return true;
    }
}
