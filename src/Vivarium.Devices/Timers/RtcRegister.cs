namespace Vivarium.Devices;

/// <summary>Registers of the MC146818 that are not plain RAM.</summary>
internal static class RtcRegister
{
    public const int Seconds = 0;
    public const int SecondsAlarm = 1;
    public const int Minutes = 2;
    public const int MinutesAlarm = 3;
    public const int Hours = 4;
    public const int HoursAlarm = 5;
    public const int DayOfWeek = 6;
    public const int DayOfMonth = 7;
    public const int Month = 8;
    public const int Year = 9;
    public const int A = 10;
    public const int B = 11;
    public const int C = 12;
    public const int D = 13;

    /// <summary>Where the ACPI FADT says the century is.</summary>
    public const int Century = 0x32;

    /// <summary>Whether the register shows a part of the time.</summary>
    public static bool IsCalendar(int index) =>
        index is Seconds or Minutes or Hours or (>= DayOfWeek and <= Year) or Century;
}

/// <summary>Bits of the registers A to D.</summary>
internal static class RtcBits
{
    public const byte UpdateInProgress = 0x80;
    public const byte DividerReset = 0x60;
    public const byte RateMask = 0x0F;

    public const byte Set = 0x80;
    public const byte PeriodicInterrupt = 0x40;
    public const byte AlarmInterrupt = 0x20;
    public const byte UpdateInterrupt = 0x10;
    public const byte SquareWave = 0x08;
    public const byte Binary = 0x04;
    public const byte Hour24 = 0x02;

    public const byte InterruptRequest = 0x80;

    /// <summary>The three flags of register C stand where their enables stand in register B.</summary>
    public const byte FlagMask = 0x70;

    public const byte ValidRam = 0x80;
}
