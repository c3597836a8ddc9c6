using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <summary>
/// The arithmetic and layout of <c>struct pvclock_vcpu_time_info</c>: guest nanoseconds = ((TSC − tscTimestamp) shifted by
/// <see cref="Shift"/>) × <see cref="Multiplier"/> ÷ 2^32.
/// </summary>
internal readonly record struct PvClock(uint Multiplier, sbyte Shift)
{
    public const int SizeBytes = 32;

    private const byte FlagTscStable = 1;

    /// <summary>The factors for a TSC frequency of at least 1 MHz, with the multiplier in its upper half for precision.</summary>
    public static PvClock ForFrequency(ulong hertz)
    {
        var shift = 0;
        var scaled = (UInt128)1_000_000_000 << 32;
        var multiplier = scaled / hertz;
        while (multiplier > uint.MaxValue)
        {
            shift++;
            multiplier = scaled / ((UInt128)hertz << shift);
        }

        while (multiplier < 1u << 31)
        {
            shift--;
            multiplier = (scaled << -shift) / hertz;
        }

        return new PvClock((uint)multiplier, (sbyte)shift);
    }

    /// <summary>Writes the structure for guest time 0, without its version.</summary>
    public void Write(Span<byte> destination, ulong tscAtZero)
    {
        destination[..SizeBytes].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], tscAtZero);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[24..], Multiplier);
        destination[28] = (byte)Shift;
        destination[29] = FlagTscStable;
    }
}
