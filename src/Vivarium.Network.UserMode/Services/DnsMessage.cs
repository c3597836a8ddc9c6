using System.Buffers.Binary;
using System.Text;

namespace Vivarium.Network.UserMode;

/// <summary>Reads a DNS question and writes its answer (RFC 1035 §4).</summary>
internal static class DnsMessage
{
    public const int HeaderBytes = 12;
    public const ushort TypeA = 1;
    public const ushort TypePointer = 12;
    public const ushort TypeAaaa = 28;
    public const ushort TypeAny = 255;
    public const byte NoError = 0, FormatError = 1, ServerFailure = 2, NameError = 3, NotImplemented = 4, Refused = 5;
    private const int MostNameBytes = 255;

    /// <summary>Reads the one question of a query. False if it is no query of that kind; names are in small letters, without a dot at the end.</summary>
    public static bool TryReadQuestion(ReadOnlySpan<byte> message, out string name, out ushort type, out int questionEnd)
    {
        name = string.Empty;
        type = 0;
        questionEnd = HeaderBytes;
        if (message.Length < HeaderBytes || (message[2] & 0xF8) != 0 || BinaryPrimitives.ReadUInt16BigEndian(message[4..]) != 1)
        {
            return false;
        }

        var text = new StringBuilder();
        var at = HeaderBytes;
        while (true)
        {
            if (at >= message.Length)
            {
                return false;
            }

            // A question's name cannot point back: nothing is before it.
            var length = message[at++];
            if (length == 0)
            {
                break;
            }

            if (length > 63 || at + length > message.Length || text.Length + length > MostNameBytes)
            {
                return false;
            }

            if (text.Length > 0)
            {
                text.Append('.');
            }

            foreach (var octet in message.Slice(at, length))
            {
                text.Append(octet is > 32 and < 127 && octet != '.' ? char.ToLowerInvariant((char)octet) : '?');
            }

            at += length;
        }

        if (at + 4 > message.Length)
        {
            return false;
        }

        name = text.ToString();
        type = BinaryPrimitives.ReadUInt16BigEndian(message[at..]);
        questionEnd = at + 4;
        return BinaryPrimitives.ReadUInt16BigEndian(message[(at + 2)..]) is 1 or 255;
    }

    /// <summary>An answer of no records, or of one for each of <paramref name="data"/>.</summary>
    public static byte[] WriteAnswer(ReadOnlySpan<byte> query, int questionEnd, byte code, ushort type, IReadOnlyList<byte[]> data, bool isOurs)
    {
        var answer = new List<byte>(512);
        answer.AddRange(query[..questionEnd]);
        answer[2] = (byte)(0x80 | (query[2] & 0x79) | (isOurs ? 0x04 : 0));
        answer[3] = (byte)(0x80 | code);
        answer[6] = (byte)(data.Count >> 8);
        answer[7] = (byte)data.Count;
        answer[8] = answer[9] = answer[10] = answer[11] = 0;
        if (questionEnd == HeaderBytes)
        {
            answer[4] = answer[5] = 0;
        }

        foreach (var record in data)
        {
            // The name is the question's, the class Internet, and it holds for ten seconds: machines come and go.
            answer.AddRange([0xC0, HeaderBytes, (byte)(type >> 8), (byte)type, 0, 1, 0, 0, 0, 10, (byte)(record.Length >> 8), (byte)record.Length]);
            answer.AddRange(record);
        }

        return [.. answer];
    }

    /// <summary>A name as records hold it.</summary>
    public static byte[] WriteName(string name)
    {
        var bytes = new List<byte>();
        foreach (var label in name.Split('.'))
        {
            bytes.Add((byte)label.Length);
            bytes.AddRange(Encoding.ASCII.GetBytes(label));
        }

        bytes.Add(0);
        return [.. bytes];
    }
}
