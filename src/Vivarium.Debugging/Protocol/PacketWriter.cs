namespace Vivarium.Debugging;

/// <summary>Makes packets of replies.</summary>
internal static class PacketWriter
{
    /// <summary>A reply as it goes over the wire. Its characters are bytes.</summary>
    public static byte[] Frame(string reply)
    {
        var frame = new List<byte>(reply.Length + 4) { (byte)'$' };
        byte sum = 0;
        foreach (var character in reply)
        {
            var value = (byte)character;
            if (value is (byte)'#' or (byte)'$' or (byte)'}' or (byte)'*')
            {
                frame.Add((byte)'}');
                sum += (byte)'}';
                value ^= 0x20;
            }

            frame.Add(value);
            sum += value;
        }

        frame.Add((byte)'#');
        frame.Add((byte)HexText.DigitOf(sum >> 4));
        frame.Add((byte)HexText.DigitOf(sum & 15));
        return [.. frame];
    }
}
