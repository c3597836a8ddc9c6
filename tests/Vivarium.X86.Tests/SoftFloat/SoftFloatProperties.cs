using FsCheck.Xunit;

namespace Vivarium.X86.Tests;

/// <summary>Laws of the soft float, and its agreement with .NET's arithmetic where that has one answer.</summary>
public sealed class SoftFloatProperties
{
    private static FloatStatus Default => new() { Rounding = RoundingMode.Nearest };

    [Property(MaxTest = 2000)]
    public bool AdditionCommutes(int seed, byte mode)
    {
        var (a, b) = Pair(seed);
        var (first, second) = (Status(mode), Status(mode));
        var left = FloatArithmetic.Add(Binary64.Unpack(a), Binary64.Unpack(b), FloatFormat.Binary64, ref first);
        var right = FloatArithmetic.Add(Binary64.Unpack(b), Binary64.Unpack(a), FloatFormat.Binary64, ref second);
        return first.Flags == second.Flags && (left.IsNaN ? right.IsNaN : Binary64.Pack(left) == Binary64.Pack(right));
    }

    [Property(MaxTest = 2000)]
    public bool MultiplicationCommutes(int seed, byte mode)
    {
        var (a, b) = Pair(seed);
        var (first, second) = (Status(mode), Status(mode));
        var left = FloatArithmetic.Multiply(Binary64.Unpack(a), Binary64.Unpack(b), FloatFormat.Binary64, ref first);
        var right = FloatArithmetic.Multiply(Binary64.Unpack(b), Binary64.Unpack(a), FloatFormat.Binary64, ref second);
        return first.Flags == second.Flags && (left.IsNaN ? right.IsNaN : Binary64.Pack(left) == Binary64.Pack(right));
    }

    [Property(MaxTest = 2000)]
    public bool PackingUndoesUnpacking(int seed)
    {
        var bits = new Operands(seed).Double();
        return Binary64.Pack(Binary64.Unpack(bits)) == bits || Binary64.IsDenormal(bits);
    }

    [Property(MaxTest = 2000)]
    public bool PackingUndoesUnpackingOfSingles(int seed)
    {
        var bits = new Operands(seed).Single();
        return Binary32.Pack(Binary32.Unpack(bits)) == bits || Binary32.IsDenormal(bits);
    }

    [Property(MaxTest = 2000)]
    public bool WideningAndNarrowingGivesTheSame(int seed)
    {
        var bits = new Operands(seed).Single();
        var status = Default;
        var wide = FloatConvert.Convert(Binary32.Unpack(bits), FloatFormat.Extended, ref status);
        var narrow = FloatConvert.Convert(wide, FloatFormat.Binary32, ref status);
        return Binary32.Pack(narrow) == (Binary32.IsNaN(bits) ? bits | Binary32.QuietBit : bits);
    }

    [Property(MaxTest = 2000)]
    public bool IntegersSurviveTheExtendedFormat(long value)
    {
        var status = Default;
        var parts = Float80.Pack(FloatConvert.FromInt64(value, FloatFormat.Extended, ref status)).Unpack();
        return FloatInteger.ToInteger(parts, 64, RoundingMode.Nearest, ref status) == value && status.Flags == 0;
    }

    [Property(MaxTest = 2000)]
    public bool PackedDecimalsRoundTrip(long value)
    {
        var status = Default;
        value %= 1_000_000_000_000_000_000;
        var back = PackedDecimal.Unpack(PackedDecimal.Pack(FloatParts.FromInt64(value), ref status));
        return FloatInteger.ToInteger(back, 64, RoundingMode.Nearest, ref status) == value && status.Flags == 0;
    }

    [Property(MaxTest = 5000)]
    public bool NearestAgreesWithDotNet(int seed, byte operation)
    {
        var (a, b) = Pair(seed);
        var status = Default;
        var (x, y) = (Binary64.Unpack(a), Binary64.Unpack(b));
        var (p, q) = (BitConverter.UInt64BitsToDouble(a), BitConverter.UInt64BitsToDouble(b));
        var (ours, theirs) = (operation % 5) switch
        {
            0 => (FloatArithmetic.Add(x, y, FloatFormat.Binary64, ref status), p + q),
            1 => (FloatArithmetic.Subtract(x, y, FloatFormat.Binary64, ref status), p - q),
            2 => (FloatArithmetic.Multiply(x, y, FloatFormat.Binary64, ref status), p * q),
            3 => (FloatArithmetic.Divide(x, y, FloatFormat.Binary64, ref status), p / q),
            _ => (FloatArithmetic.SquareRoot(x, FloatFormat.Binary64, ref status), Math.Sqrt(p)),
        };
        return ours.IsNaN ? double.IsNaN(theirs) : Binary64.Pack(ours) == BitConverter.DoubleToUInt64Bits(theirs);
    }

    [Property(MaxTest = 5000)]
    public bool FusedMultiplyAddAgreesWithDotNet(int seed)
    {
        var (a, b, c) = Triple(seed);
        var status = Default;
        var ours = FloatFused.MultiplyAdd(Binary64.Unpack(a), Binary64.Unpack(b), Binary64.Unpack(c), false, false, FloatFormat.Binary64, ref status);
        var theirs = Math.FusedMultiplyAdd(BitConverter.UInt64BitsToDouble(a), BitConverter.UInt64BitsToDouble(b), BitConverter.UInt64BitsToDouble(c));
        return ours.IsNaN ? double.IsNaN(theirs) : Binary64.Pack(ours) == BitConverter.DoubleToUInt64Bits(theirs);
    }

    [Property(MaxTest = 2000)]
    public bool FusedMultiplyAddOfOneIsAddition(int seed, byte mode)
    {
        var (a, b) = Pair(seed);
        var (first, second) = (Status(mode), Status(mode));
        var fused = FloatFused.MultiplyAdd(Binary64.Unpack(a), FloatParts.One, Binary64.Unpack(b), false, false, FloatFormat.Binary64, ref first);
        var sum = FloatArithmetic.Add(Binary64.Unpack(a), Binary64.Unpack(b), FloatFormat.Binary64, ref second);
        return first.Flags == second.Flags && Binary64.Pack(fused) == Binary64.Pack(sum);
    }

    [Property(MaxTest = 2000)]
    public bool FusedMultiplyAddIsAntisymmetricInItsSigns(int seed)
    {
        var (a, b, c) = Triple(seed);
        var (first, second) = (Default, Default);
        var plain = FloatFused.MultiplyAdd(Binary64.Unpack(a), Binary64.Unpack(b), Binary64.Unpack(c), false, false, FloatFormat.Binary64, ref first);
        var negated = FloatFused.MultiplyAdd(Binary64.Unpack(a), Binary64.Unpack(b), Binary64.Unpack(c), true, true, FloatFormat.Binary64, ref second);
        return first.Flags == second.Flags
            && (plain.IsNaN || Double(plain) == 0 ? Double(plain).Equals(Double(negated)) || Double(negated) == 0 : Double(plain) == -Double(negated));
    }

    [Property(MaxTest = 2000)]
    public bool RoundingModesEncloseTheResult(int seed)
    {
        var (a, b) = Pair(seed);
        var (down, up, nearest) = (Status(1), Status(2), Status(0));
        var (x, y) = (Binary64.Unpack(a), Binary64.Unpack(b));
        var low = FloatArithmetic.Divide(x, y, FloatFormat.Binary64, ref down);
        var high = FloatArithmetic.Divide(x, y, FloatFormat.Binary64, ref up);
        var middle = FloatArithmetic.Divide(x, y, FloatFormat.Binary64, ref nearest);
        if (low.IsNaN)
        {
            return high.IsNaN && middle.IsNaN;
        }

        var (l, h, m) = (Double(low), Double(high), Double(middle));
        return l <= m && m <= h && (l == h) == ((down.Flags & FloatFlags.Precision) == 0);
    }

    [Property(MaxTest = 2000)]
    public bool ComparisonIsAntisymmetric(int seed)
    {
        var (a, b) = Pair(seed);
        var status = Default;
        var forward = FloatCompare.Compare(Binary64.Unpack(a), Binary64.Unpack(b), signaling: true, ref status);
        var backward = FloatCompare.Compare(Binary64.Unpack(b), Binary64.Unpack(a), signaling: true, ref status);
        return forward switch
        {
            FloatOrder.Less => backward == FloatOrder.Greater,
            FloatOrder.Greater => backward == FloatOrder.Less,
            _ => backward == forward,
        };
    }

    [Property(MaxTest = 2000)]
    public bool DivisionUndoesMultiplicationOfIntegers(uint a, uint b)
    {
        var status = Default;
        var product = FloatArithmetic.Multiply(FloatParts.FromInt64(a), FloatParts.FromInt64((long)b + 1), FloatFormat.Extended, ref status);
        var quotient = FloatArithmetic.Divide(product, FloatParts.FromInt64((long)b + 1), FloatFormat.Extended, ref status);
        return FloatInteger.ToInteger(quotient, 64, RoundingMode.Zero, ref status) == a && status.Flags == 0;
    }

    [Property(MaxTest = 2000)]
    public bool WideDivisionAgreesWithUInt128(int seed)
    {
        var operands = new Operands(seed);
        var (high, low, divisor) = (operands.Bits(), operands.Double(), operands.Extended().Significand | (1UL << 63));
        high %= divisor;
        var quotient = WideInteger.Divide(high, low, divisor, out var remainder);
        return ((UInt128)quotient * divisor) + remainder == new UInt128(high, low) && remainder < divisor;
    }

    [Property(MaxTest = 2000)]
    public bool WideSquareRootIsTheLargest(int seed)
    {
        var operands = new Operands(seed);
        var (high, low) = (operands.Extended().Significand, operands.Double());
        var value = new UInt128(high | (1UL << 62), low);
        var root = WideInteger.SquareRoot(value, out var remainder);
        return ((UInt128)root * root) + remainder == value && remainder <= (UInt128)root << 1;
    }

    private static (ulong A, ulong B) Pair(int seed)
    {
        var operands = new Operands(seed);
        return (operands.Double(), operands.Double());
    }

    private static (ulong A, ulong B, ulong C) Triple(int seed)
    {
        var operands = new Operands(seed);
        return (operands.Double(), operands.Double(), operands.Double());
    }

    private static FloatStatus Status(byte mode) => new() { Rounding = (RoundingMode)(mode & 3) };

    private static double Double(in FloatParts value) => BitConverter.UInt64BitsToDouble(Binary64.Pack(value));
}
