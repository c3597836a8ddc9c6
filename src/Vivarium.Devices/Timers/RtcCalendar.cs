namespace Vivarium.Devices;

/// <summary>How the time registers are coded: binary or BCD, 24 hours or 12 with bit 7 for p.m.</summary>
internal readonly record struct RtcFormat(bool IsBinary, bool Is24Hours)
{
    public byte Encode(int value) => (byte)(IsBinary ? value : (value / 10 << 4) | (value % 10));

    /// <summary>Decodes a value that the guest may have written without sense: the result is 0 to 255.</summary>
    public int Decode(byte value) => IsBinary ? value : (value >> 4) * 10 + (value & 0xF);

    public byte EncodeHour(int hour) => Is24Hours
        ? Encode(hour)
        : (byte)(Encode(hour % 12 == 0 ? 12 : hour % 12) | (hour >= 12 ? 0x80 : 0));

    public int DecodeHour(byte value)
    {
        if (Is24Hours)
        {
            return Decode(value);
        }

        return Decode((byte)(value & 0x7F)) % 12 + ((value & 0x80) != 0 ? 12 : 0);
    }
}

/// <summary>Translates between seconds of the Unix epoch and the time registers.</summary>
internal static class RtcCalendar
{
    public const long NsPerSecond = 1_000_000_000;

    /// <summary>The clock shows years 0 to 9999. What a guest sets stays where nanoseconds fit 64 bits: 1970 to 2199.</summary>
    private const int MinimumYear = 1970;
    private const int MaximumYear = 2199;

    public static void Show(long unixSeconds, RtcFormat format, Span<byte> registers)
    {
        var time = DateTime.UnixEpoch.AddSeconds(unixSeconds);
        registers[RtcRegister.Seconds] = format.Encode(time.Second);
        registers[RtcRegister.Minutes] = format.Encode(time.Minute);
        registers[RtcRegister.Hours] = format.EncodeHour(time.Hour);
        registers[RtcRegister.DayOfWeek] = format.Encode((int)time.DayOfWeek + 1);
        registers[RtcRegister.DayOfMonth] = format.Encode(time.Day);
        registers[RtcRegister.Month] = format.Encode(time.Month);
        registers[RtcRegister.Year] = format.Encode(time.Year % 100);
        registers[RtcRegister.Century] = format.Encode(time.Year / 100);
    }

    /// <summary>The time the registers stand for. Parts out of their range carry over, as a counter would.</summary>
    public static long Parse(RtcFormat format, ReadOnlySpan<byte> registers)
    {
        var year = format.Decode(registers[RtcRegister.Century]) * 100 + format.Decode(registers[RtcRegister.Year]);
        var month = Math.Clamp(format.Decode(registers[RtcRegister.Month]), 1, 12);
        var start = new DateTime(Math.Clamp(year, MinimumYear, MaximumYear), month, 1, 0, 0, 0, DateTimeKind.Utc);
        return (long)(start - DateTime.UnixEpoch).TotalSeconds
            + 86_400L * Math.Max(0, format.Decode(registers[RtcRegister.DayOfMonth]) - 1)
            + 3_600L * format.DecodeHour(registers[RtcRegister.Hours])
            + 60L * format.Decode(registers[RtcRegister.Minutes])
            + format.Decode(registers[RtcRegister.Seconds]);
    }
}
