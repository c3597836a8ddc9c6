using System.Numerics;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>The comparison behind PCMPESTRI, PCMPESTRM, PCMPISTRI and PCMPISTRM (Intel SDM Vol. 2B §4.1).</summary>
internal readonly ref struct StringCompare
{
    private readonly Vector128<byte> _a;
    private readonly Vector128<byte> _b;
    private readonly int _control;

    /// <param name="a">The first operand.</param>
    /// <param name="b">The second operand, whose positions the result numbers.</param>
    /// <param name="lengthA">Valid elements of the first operand.</param>
    /// <param name="lengthB">Valid elements of the second operand.</param>
    /// <param name="control">The immediate: format 1:0, aggregation 3:2, polarity 5:4, output 6.</param>
    public StringCompare(Vector128<byte> a, Vector128<byte> b, int lengthA, int lengthB, int control)
    {
        _a = a;
        _b = b;
        _control = control;
        LengthA = lengthA;
        LengthB = lengthB;
        Mask = Polarise(Aggregate());
    }

    public int LengthA { get; }

    public int LengthB { get; }

    /// <summary>IntRes2: one bit for each element.</summary>
    public int Mask { get; }

    /// <summary>Elements of a vector: 16 bytes or 8 words.</summary>
    public int Count => CountOf(_control);

    /// <summary>The index of the least or most significant set bit, or the number of elements.</summary>
    public int Index => Mask == 0 ? Count : (_control & 64) != 0 ? BitOperations.Log2((uint)Mask) : BitOperations.TrailingZeroCount(Mask);

    /// <summary>CF, ZF, SF and OF; AF and PF are clear.</summary>
    public ulong Flags =>
        (Mask != 0 ? Rflags.Cf : 0)
        | (LengthB < Count ? Rflags.Zf : 0)
        | (LengthA < Count ? Rflags.Sf : 0)
        | ((Mask & 1) != 0 ? Rflags.Of : 0);

    /// <summary>The mask as bits in the low bytes, or expanded to elements.</summary>
    public Vector128<byte> ExpandedMask
    {
        get
        {
            if ((_control & 64) == 0)
            {
                return Vector128.CreateScalar((ushort)Mask).AsByte();
            }

            var result = Vector128<byte>.Zero;
            for (var i = 0; i < 16; i++)
            {
                var element = Count == 8 ? i / 2 : i;
                result = result.WithElement(i, (byte)((Mask & (1 << element)) != 0 ? 0xFF : 0));
            }

            return result;
        }
    }

    public static int CountOf(int control) => (control & 1) != 0 ? 8 : 16;

    /// <summary>Elements before the first zero one.</summary>
    public static int ImplicitLength(Vector128<byte> value, int control)
    {
        var count = CountOf(control);
        var zeros = count == 8
            ? Vector128.Equals(value.AsUInt16(), Vector128<ushort>.Zero).ExtractMostSignificantBits()
            : Vector128.Equals(value, Vector128<byte>.Zero).ExtractMostSignificantBits();
        return zeros == 0 ? count : BitOperations.TrailingZeroCount(zeros);
    }

    /// <summary>The magnitude of a length register, at most the number of elements.</summary>
    public static int ExplicitLength(long length, int control) =>
        (int)Math.Min(length < 0 ? (ulong)-length : (ulong)length, (ulong)CountOf(control));

    private int Aggregate() => ((_control >> 2) & 3) switch
    {
        0 => EqualAny(),
        1 => Ranges(),
        2 => EqualEach(),
        _ => EqualOrdered(),
    };

    private int EqualAny()
    {
        var result = 0;
        for (var j = 0; j < LengthB; j++)
        {
            for (var i = 0; i < LengthA; i++)
            {
                if (Element(_a, i) == Element(_b, j))
                {
                    result |= 1 << j;
                    break;
                }
            }
        }

        return result;
    }

    private int Ranges()
    {
        var result = 0;
        for (var j = 0; j < LengthB; j++)
        {
            for (var i = 0; i + 1 < LengthA; i += 2)
            {
                if (Element(_b, j) >= Element(_a, i) && Element(_b, j) <= Element(_a, i + 1))
                {
                    result |= 1 << j;
                    break;
                }
            }
        }

        return result;
    }

    private int EqualEach()
    {
        var result = 0;
        for (var i = 0; i < Count; i++)
        {
            var (validA, validB) = (i < LengthA, i < LengthB);
            if (validA && validB ? Element(_a, i) == Element(_b, i) : validA == validB)
            {
                result |= 1 << i;
            }
        }

        return result;
    }

    private int EqualOrdered()
    {
        var result = 0;
        for (var j = 0; j < Count; j++)
        {
            var matches = true;
            for (var i = 0; i < LengthA && j + i < Count && matches; i++)
            {
                matches = j + i < LengthB && Element(_a, i) == Element(_b, j + i);
            }

            result |= matches ? 1 << j : 0;
        }

        return result;
    }

    private int Polarise(int mask) => ((_control >> 4) & 3) switch
    {
        1 => ~mask & ((1 << Count) - 1),
        3 => mask ^ ((1 << LengthB) - 1),
        _ => mask,
    };

    private int Element(Vector128<byte> value, int index) => (_control & 3) switch
    {
        0 => value.GetElement(index),
        1 => value.AsUInt16().GetElement(index),
        2 => value.AsSByte().GetElement(index),
        _ => value.AsInt16().GetElement(index),
    };
}
