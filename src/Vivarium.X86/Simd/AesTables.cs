using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>The steps of AES in software (FIPS 197 §5), for hosts without AES instructions.</summary>
internal static class AesTables
{
    private static readonly byte[] s_substitution = MakeSubstitution();
    private static readonly byte[] s_inverse = MakeInverse();
    private static readonly Vector128<byte> s_shiftRows = Vector128.Create((byte)0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11);
    private static readonly Vector128<byte> s_inverseShiftRows = Vector128.Create((byte)0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3);

    public static Vector128<byte> SubstituteAndShift(Vector128<byte> state) => Map(Vector128.Shuffle(state, s_shiftRows), s_substitution);

    public static Vector128<byte> InverseSubstituteAndShift(Vector128<byte> state) => Map(Vector128.Shuffle(state, s_inverseShiftRows), s_inverse);

    public static uint SubstituteWord(uint word) =>
        s_substitution[(byte)word]
        | ((uint)s_substitution[(byte)(word >> 8)] << 8)
        | ((uint)s_substitution[(byte)(word >> 16)] << 16)
        | ((uint)s_substitution[word >> 24] << 24);

    public static Vector128<byte> MixColumns(Vector128<byte> state)
    {
        // 2a ^ 3b ^ c ^ d for the bytes a, b, c, d of a column, counted from each byte on.
        var next = RotateColumns(state);
        return Double(state ^ next) ^ next ^ RotateColumns(next) ^ RotateColumns(RotateColumns(next));
    }

    public static Vector128<byte> InverseMixColumns(Vector128<byte> state)
    {
        // The inverse matrix is the forward one times (4x² + 5): see FIPS 197 §5.3.3 and the decomposition 0E 0B 0D 09.
        var fourfold = Double(Double(state ^ RotateColumns(RotateColumns(state))));
        return MixColumns(state ^ fourfold);
    }

    private static Vector128<byte> RotateColumns(Vector128<byte> state) => ((state.AsUInt32() >>> 8) | (state.AsUInt32() << 24)).AsByte();

    private static Vector128<byte> Double(Vector128<byte> state)
    {
        var carry = Vector128.LessThan(state.AsSByte(), Vector128<sbyte>.Zero).AsByte() & Vector128.Create((byte)0x1B);
        return (state + state) ^ carry;
    }

    private static Vector128<byte> Map(Vector128<byte> state, byte[] table)
    {
        for (var i = 0; i < 16; i++)
        {
            state = state.WithElement(i, table[state.GetElement(i)]);
        }

        return state;
    }

    private static byte[] MakeSubstitution()
    {
        var table = new byte[256];
        byte p = 1, q = 1;
        do
        {
            // p runs through all powers of 3, q through their inverses.
            p = (byte)(p ^ (p << 1) ^ ((p & 0x80) != 0 ? 0x1B : 0));
            q ^= (byte)(q << 1);
            q ^= (byte)(q << 2);
            q ^= (byte)(q << 4);
            q ^= (byte)((q & 0x80) != 0 ? 0x09 : 0);
            table[p] = (byte)(q ^ Rotate(q, 1) ^ Rotate(q, 2) ^ Rotate(q, 3) ^ Rotate(q, 4) ^ 0x63);
        }
        while (p != 1);
        table[0] = 0x63;
        return table;
    }

    private static byte[] MakeInverse()
    {
        var table = new byte[256];
        for (var i = 0; i < 256; i++)
        {
            table[s_substitution[i]] = (byte)i;
        }

        return table;
    }

    private static byte Rotate(byte value, int count) => (byte)((value << count) | (value >> (8 - count)));
}
