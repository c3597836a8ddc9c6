namespace Vivarium.Tests.Smp;

/// <summary>Where <see cref="SmpGuest"/> counts.</summary>
internal static class SmpCounters
{
    public const uint Online = 0x18000;
    public const uint Finished = 0x18040;
    public const uint Rounds = 0x18080;
    public const uint Generation = 0x180C0;
    public const uint AcknowledgementsDue = 0x18100;
    public const uint ShootLock = 0x18140;

    /// <summary>Writes to the remapped page, as far as a shoot-down has added them up.</summary>
    public const uint Writes = 0x18180;

    /// <summary>Changed by LOCK INC.</summary>
    public const uint Increments = 0x18200;

    /// <summary>Two halves that LOCK CMPXCHG8B changes as one.</summary>
    public const uint Pair = 0x18240;

    /// <summary>Two words that a spin lock guards.</summary>
    public const uint Guarded = 0x18280;
    public const uint OtherGuarded = 0x182C0;
    public const uint SpinLock = 0x18300;

    /// <summary>A byte for each processor, side by side.</summary>
    public const uint Bytes = 0x18340;

    /// <summary>Changed by LOCK INC over the end of a page.</summary>
    public const uint Split = 0x19FFE;

    /// <summary>For each sender and receiver: whether an interrupt is under way.</summary>
    public const uint Boxes = 0x1B000;

    /// <summary>A block for each processor.</summary>
    public const uint Cpus = 0x1C000;
    public const int CpuShift = 8;
    public const int Done = 0x00;
    public const int Sent = 0x04;
    public const int Handled = 0x08;
    public const int Awaits = 0x0C;
    public const int Acknowledged = 0x10;
    public const int Shoots = 0x14;
    public const int Splits = 0x18;
}

/// <summary>What <see cref="SmpGuest"/> found, as the value it writes to the debug-exit port.</summary>
internal enum SmpFailure
{
    None = 0x10,
    PingThatNobodySent,
    PongThatNobodyAwaits,
    StaleRead,
    StaleWrite,
    StaleCode,
    TornPair,
    TornGuard,
}
