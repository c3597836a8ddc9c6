namespace Vivarium.Devices;

/// <summary>
/// The local APIC's registers by number: the offset in the xAPIC page divided by 16, and the MSR's distance from 0x800
/// (Intel SDM Vol. 3A, tables 11-1 and 11-6).
/// </summary>
internal enum ApicRegister : uint
{
    Id = 0x02,
    Version = 0x03,
    TaskPriority = 0x08,
    ArbitrationPriority = 0x09,
    ProcessorPriority = 0x0A,
    EndOfInterrupt = 0x0B,
    LogicalDestination = 0x0D,
    DestinationFormat = 0x0E,
    SpuriousVector = 0x0F,
    InService = 0x10,
    TriggerMode = 0x18,
    Requests = 0x20,
    ErrorStatus = 0x28,
    CommandLow = 0x30,
    CommandHigh = 0x31,
    LvtTimer = 0x32,
    LvtThermal = 0x33,
    LvtPerformance = 0x34,
    LvtLint0 = 0x35,
    LvtLint1 = 0x36,
    LvtError = 0x37,
    TimerInitial = 0x38,
    TimerCurrent = 0x39,
    TimerDivide = 0x3E,
    SelfIpi = 0x3F,
}
