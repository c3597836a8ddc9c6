using System.Globalization;
using System.Text;

namespace Vivarium.Debugging;

/// <summary>Hexadecimal digits of the protocol.</summary>
internal static class HexText
{
    /// <summary>The value of a digit, negative if it is none.</summary>
    public static int ValueOf(byte digit) => digit switch
    {
        >= (byte)'0' and <= (byte)'9' => digit - '0',
        >= (byte)'a' and <= (byte)'f' => digit - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => digit - 'A' + 10,
        _ => -1,
    };

    public static char DigitOf(int value) => "0123456789abcdef"[value];

    /// <summary>Bytes as two digits each.</summary>
    public static string Encode(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);

    /// <summary>Text as two digits a byte of UTF-8.</summary>
    public static string Encode(string text) => Encode(Encoding.UTF8.GetBytes(text));

    /// <summary>Fills <paramref name="bytes"/> from exactly as many pairs of digits.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> digits, Span<byte> bytes)
    {
        if (digits.Length != bytes.Length * 2)
        {
            return false;
        }

        for (var i = 0; i < bytes.Length; i++)
        {
            var value = (ValueOf(digits[2 * i]) << 4) | ValueOf(digits[(2 * i) + 1]);
            if (value is < 0 or > 255)
            {
                return false;
            }

            bytes[i] = (byte)value;
        }

        return true;
    }

    /// <summary>A number without leading zeros.</summary>
    public static string Number(ulong value) => value.ToString("x", CultureInfo.InvariantCulture);
}
