namespace Vivarium.X86;

/// <summary>Between the interpreter's lazy flags and the image that emitted code keeps.</summary>
internal static unsafe class FlagImage
{
    private const ulong AhFlags = Rflags.Cf | Rflags.Pf | Rflags.Af | Rflags.Zf | Rflags.Sf;

    /// <summary>Brings the image up to date from the lazy flags.</summary>
    public static void Store(CpuState* state, EngineFields* fields)
    {
        var flags = LazyFlags.Get(state);
        fields->HostFlags = (ushort)(((flags & AhFlags) << 8) | ((flags & Rflags.Of) != 0 ? 1u : 0));
    }

    /// <summary>Brings the lazy flags up to date.</summary>
    public static void Load(CpuState* state, EngineFields* fields, in FlagRecovery recovery)
    {
        if (recovery.Kind == FlagRecoveryKind.Saved)
        {
            var image = (uint)fields->HostFlags;
            LazyFlags.Set(state, ((image >> 8) & AhFlags) | ((image & 1) != 0 ? Rflags.Of : 0));
            return;
        }

        switch (recovery.Size)
        {
            case 1: Recover<byte>(state, fields, recovery); break;
            case 2: Recover<ushort>(state, fields, recovery); break;
            case 4: Recover<uint>(state, fields, recovery); break;
            default: Recover<ulong>(state, fields, recovery); break;
        }
    }

    private static void Recover<T>(CpuState* state, EngineFields* fields, in FlagRecovery recovery)
        where T : unmanaged
    {
        if (recovery.Kind == FlagRecoveryKind.Zero)
        {
            LazyFlags.SetLogic<T>(state, 0);
            return;
        }

        var first = recovery.First == FlagRecovery.KeptOperand ? fields->FlagOperand & Width<T>.Mask : Width<T>.Get(state, recovery.First);
        var second = recovery.Second == FlagRecovery.NoRegister ? (ulong)recovery.Immediate & Width<T>.Mask : Width<T>.Get(state, recovery.Second);
        switch (recovery.Kind)
        {
            case FlagRecoveryKind.Add:
                LazyFlags.SetAdd<T>(state, (first - second) & Width<T>.Mask, second, first);
                break;
            case FlagRecoveryKind.Subtract:
                LazyFlags.SetSub<T>(state, (first + second) & Width<T>.Mask, second, first);
                break;
            case FlagRecoveryKind.Compare:
                LazyFlags.SetSub<T>(state, first, second, (first - second) & Width<T>.Mask);
                break;
            case FlagRecoveryKind.Test:
                LazyFlags.SetLogic<T>(state, first & second);
                break;
            case FlagRecoveryKind.ShiftLeft:
                ShlOp.Apply<T>(state, first, recovery.Immediate);
                break;
            case FlagRecoveryKind.ShiftRight:
                ShrOp.Apply<T>(state, first, recovery.Immediate);
                break;
            case FlagRecoveryKind.ShiftRightSigned:
                SarOp.Apply<T>(state, first, recovery.Immediate);
                break;
            default:
                LazyFlags.SetLogic<T>(state, first);
                break;
        }
    }
}
