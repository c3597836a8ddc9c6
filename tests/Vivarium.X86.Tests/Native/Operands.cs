using System.Runtime.InteropServices;

namespace Vivarium.X86.Tests;

/// <summary>Operands rich in edges: zeros, denormals, limits, infinities, NaNs with payloads, halves, and invalid 80-bit encodings.</summary>
internal sealed class Operands(int seed)
{
    private static readonly ulong[] s_doubles =
    [
        0, 1, 0x000F_FFFF_FFFF_FFFF, 0x0010_0000_0000_0000, 0x0010_0000_0000_0001, 0x001F_FFFF_FFFF_FFFF, 0x3FF0_0000_0000_0000,
        0x3FF0_0000_0000_0001, 0x3FEF_FFFF_FFFF_FFFF, 0x3FE0_0000_0000_0000, 0x3FF8_0000_0000_0000, 0x4000_0000_0000_0000,
        0x41DF_FFFF_FFC0_0000, 0x41E0_0000_0000_0000, 0x41DF_FFFF_FFE0_0000, 0x43E0_0000_0000_0000, 0x43DF_FFFF_FFFF_FFFF,
        0x7FEF_FFFF_FFFF_FFFF, 0x7FE0_0000_0000_0000, 0x7FF0_0000_0000_0000, 0x7FF0_0000_0000_0001, 0x7FF8_0000_0000_0000,
        0x7FF8_1234_5678_9ABC, 0x7FF4_0000_0000_0000, 0x3810_0000_0000_0000, 0x380F_FFFF_FFFF_FFFF, 0x36A0_0000_0000_0000,
        0x47EF_FFFF_E000_0000, 0x47EF_FFFF_F000_0000, 0x1FF0_0000_0000_0000, 0x2000_0000_0000_0000, 0x5FF0_0000_0000_0000,
    ];

    private static readonly uint[] s_singles =
    [
        0, 1, 0x007F_FFFF, 0x0080_0000, 0x0080_0001, 0x00FF_FFFF, 0x3F80_0000, 0x3F80_0001, 0x3F7F_FFFF, 0x3F00_0000, 0x3FC0_0000, 0x4000_0000,
        0x4EFF_FFFF, 0x4F00_0000, 0x5F00_0000, 0x5EFF_FFFF, 0x7F7F_FFFF, 0x7F00_0000, 0x7F80_0000, 0x7F80_0001, 0x7FC0_0000, 0x7FC1_2345,
        0x7FA0_0000, 0x1F80_0000, 0x2000_0000, 0x5F80_0000, 0x4B00_0000, 0x4B7F_FFFF,
    ];

    private static readonly Float80[] s_extended =
    [
        new(0, 0), new(1, 0), new(0x7FFF_FFFF_FFFF_FFFF, 0), new(0x8000_0000_0000_0000, 0), new(0xFFFF_FFFF_FFFF_FFFF, 0),
        new(0x8000_0000_0000_0000, 1), new(0x8000_0000_0000_0001, 1), new(0xFFFF_FFFF_FFFF_FFFF, 1), new(0x8000_0000_0000_0000, 0x3FFF),
        new(0x8000_0000_0000_0001, 0x3FFF), new(0xFFFF_FFFF_FFFF_FFFF, 0x3FFE), new(0x8000_0000_0000_0000, 0x3FFE),
        new(0xC000_0000_0000_0000, 0x3FFF), new(0x8000_0000_0000_0000, 0x4000), new(0xFFFF_FFFF_FFFF_FFFF, 0x7FFE),
        new(0x8000_0000_0000_0000, 0x7FFE), new(0x8000_0000_0000_0000, 0x7FFF), new(0x8000_0000_0000_0001, 0x7FFF),
        new(0xC000_0000_0000_0000, 0x7FFF), new(0xC123_4567_89AB_CDEF, 0x7FFF), new(0xA000_0000_0000_0000, 0x7FFF),
        new(0, 0x7FFF), new(0x4000_0000_0000_0000, 0x7FFF), new(0x7FFF_FFFF_FFFF_FFFF, 0x3FFF), new(0, 0x3FFF), new(1, 1),
        new(0x8000_0000_0000_0000, 0x403E), new(0xFFFF_FFFF_FFFF_FFFF, 0x403D), new(0x8000_0000_0000_0000, 0x401E),
        new(0xFFFF_FFFF_0000_0000, 0x401D), new(0x8000_0000_0000_0000, 0x400E), new(0xFFFF_0000_0000_0000, 0x400D),
        new(0x8000_0000_0000_0000, 0x3C01), new(0x8000_0000_0000_0000, 0x3C00), new(0x8000_0000_0000_0000, 0x3F81),
        new(0xFFFF_FFFF_FFFF_F800, 0x43FE), new(0xFFFF_FFFF_FFFF_FC00, 0x43FE), new(0xFFFF_FF80_0000_0000, 0x407E),
        new(0xDE0B_6B3A_763F_FFFF, 0x403A), new(0xDE0B_6B3A_7640_0000, 0x403A), new(0x8000_0000_0000_0000, 0x1FFF), new(0x8000_0000_0000_0000, 0x5FFF),
    ];

    private readonly Random _random = new(seed);

    public int Next(int bound) => _random.Next(bound);

    public ulong Bits() => (ulong)_random.NextInt64(long.MinValue, long.MaxValue);

    public ulong Double()
    {
        var sign = Bits() & (1UL << 63);
        return _random.Next(8) switch
        {
            < 4 => s_doubles[_random.Next(s_doubles.Length)] | sign,
            4 => Bits(),
            5 => BitConverter.DoubleToUInt64Bits(_random.Next(-100, 100) * 0.5),
            6 => sign | ((ulong)_random.Next(1020, 1090) << 52) | (Bits() >> 12),
            _ => sign | ((ulong)_random.Next(1, 2047) << 52) | ((Bits() >> 12) & (ulong.MaxValue << _random.Next(53))),
        };
    }

    public uint Single()
    {
        var sign = (uint)Bits() & (1U << 31);
        return _random.Next(8) switch
        {
            < 4 => s_singles[_random.Next(s_singles.Length)] | sign,
            4 => (uint)Bits(),
            5 => BitConverter.SingleToUInt32Bits(_random.Next(-100, 100) * 0.5f),
            6 => sign | ((uint)_random.Next(124, 162) << 23) | ((uint)Bits() >> 9),
            _ => sign | ((uint)_random.Next(1, 255) << 23) | (((uint)Bits() >> 9) & (uint.MaxValue << _random.Next(24))),
        };
    }

    public Float80 Extended()
    {
        var sign = (ushort)(_random.Next(2) << 15);
        switch (_random.Next(8))
        {
            case < 3:
                var edge = s_extended[_random.Next(s_extended.Length)];
                return new(edge.Significand, (ushort)(edge.SignExponent | sign));
            case 3:
                return new(Bits(), (ushort)Bits());
            case 4:
                return Float80.Pack(FloatParts.FromInt64(_random.Next(-1000, 1000)));
            case 5:
                return new(Bits() | FloatParts.IntegerBit, (ushort)(_random.Next(0x3FC0, 0x4040) | sign));
            case 6:
                return new(Bits() | FloatParts.IntegerBit, (ushort)(_random.Next(0x3FF0, 0x4008) | sign));
            default:
                return new((Bits() & (ulong.MaxValue << _random.Next(64))) | FloatParts.IntegerBit, (ushort)(_random.Next(1, 0x7FFF) | sign));
        }
    }

    /// <summary>A vector of singles, doubles, integers or noise.</summary>
    public void Vector(Span<byte> destination)
    {
        switch (_random.Next(5))
        {
            case 0 or 1:
                foreach (ref var lane in MemoryMarshal.Cast<byte, ulong>(destination))
                {
                    lane = Double();
                }

                break;
            case 2 or 3:
                foreach (ref var lane in MemoryMarshal.Cast<byte, uint>(destination))
                {
                    lane = Single();
                }

                break;
            default:
                foreach (ref var lane in destination)
                {
                    lane = _random.Next(3) switch
                    {
                        0 => (byte)_random.Next(256),
                        1 => (byte)(_random.Next(2) * 255),
                        _ => (byte)(127 + _random.Next(2)),
                    };
                }

                break;
        }
    }
}
