using System.Buffers.Binary;
using System.Text;

namespace Vivarium.Network.UserMode;

/// <summary>What a client's DHCP message asks (RFC 2132). A malformed option ends the list.</summary>
internal readonly struct DhcpOptions
{
    private const int MostNameBytes = 63;

    public byte Type { get; private init; }

    public uint? Requested { get; private init; }

    public uint? Server { get; private init; }

    public string Name { get; private init; }

    public static DhcpOptions Parse(ReadOnlySpan<byte> options)
    {
        byte type = 0;
        uint? requested = null, server = null;
        var name = string.Empty;
        while (!options.IsEmpty && options[0] != 255)
        {
            if (options[0] == 0)
            {
                options = options[1..];
                continue;
            }

            if (options.Length < 2 || options.Length < 2 + options[1])
            {
                break;
            }

            var value = options.Slice(2, options[1]);
            switch (options[0])
            {
                case 53 when value.Length == 1:
                    type = value[0];
                    break;
                case 50 when value.Length == 4:
                    requested = BinaryPrimitives.ReadUInt32BigEndian(value);
                    break;
                case 54 when value.Length == 4:
                    server = BinaryPrimitives.ReadUInt32BigEndian(value);
                    break;
                case 12 when value.Length <= MostNameBytes && IsName(value):
                    name = Encoding.ASCII.GetString(value).ToLowerInvariant();
                    break;
            }

            options = options[(2 + options[1])..];
        }

        return new DhcpOptions { Type = type, Requested = requested, Server = server, Name = name };
    }

    /// <summary>Letters, digits and hyphens (RFC 952): what a guest calls itself becomes a name for others.</summary>
    private static bool IsName(ReadOnlySpan<byte> value)
    {
        foreach (var octet in value)
        {
            if (!char.IsAsciiLetterOrDigit((char)octet) && octet != '-')
            {
                return false;
            }
        }

        return true;
    }
}
