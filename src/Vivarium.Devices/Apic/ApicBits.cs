namespace Vivarium.Devices;

/// <summary>Bits of the local APIC's registers and of interrupt messages (Intel SDM Vol. 3A ch. 11).</summary>
internal static class ApicBits
{
    public const ulong BaseBootstrap = 1UL << 8;
    public const ulong BaseX2Apic = 1UL << 10;
    public const ulong BaseEnable = 1UL << 11;
    public const ulong BaseDefaultAddress = 0xFEE0_0000;

    public const uint Version = 0x0005_0014;

    public const uint SpuriousEnable = 1u << 8;
    public const uint SpuriousWritable = 0x3FF;

    public const uint LvtMasked = 1u << 16;
    public const uint LvtLevelTriggered = 1u << 15;
    public const uint LvtRemoteIrr = 1u << 14;
    public const uint LvtDeliveryStatus = 1u << 12;
    public const uint LvtTimerModeMask = 3u << 17;
    public const uint LvtTimerPeriodic = 1u << 17;
    public const uint LvtTimerDeadline = 2u << 17;

    public const uint ErrorSendIllegalVector = 1u << 5;
    public const uint ErrorReceivedIllegalVector = 1u << 6;
    public const uint ErrorIllegalRegister = 1u << 7;

    public const uint LevelAssert = 1u << 14;
    public const uint TriggerLevel = 1u << 15;
    public const uint DestinationLogical = 1u << 11;

    public const uint Broadcast8 = 0xFF;
    public const uint Broadcast32 = 0xFFFF_FFFF;

    /// <summary>Vectors below 16 are illegal in interrupt messages.</summary>
    public const int FirstLegalVector = 16;

    public static ApicDeliveryMode DeliveryMode(uint command) => (ApicDeliveryMode)((command >> 8) & 7);
}

/// <summary>How a message acts on its destination.</summary>
internal enum ApicDeliveryMode
{
    Fixed = 0,
    LowestPriority = 1,
    Smi = 2,
    Reserved = 3,
    Nmi = 4,
    Init = 5,
    Startup = 6,
    ExtInt = 7,
}
