namespace Vivarium.Fuzzing.Tests;

/// <summary>Frames as a guest sends them: each is a byte of flags, its length and itself.</summary>
internal static class FrameSeeds
{
    private static readonly byte[] s_guest = [2, 0, 0, 0, 0, 1];
    private static readonly byte[] s_gateway = [0x52, 0x55, 0x0A, 0, 2, 2];
    private static readonly byte[] s_all = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

    public static IEnumerable<byte[]> All()
    {
        var dhcp = Frame(s_all, Udp(68, 67, [1, 1, 6, 0, 1, 2, 3, 4, .. new byte[20], .. s_guest, .. new byte[202], 0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255], [0, 0, 0, 0], [255, 255, 255, 255]));
        var arp = Frame(s_all, [0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, .. s_guest, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2]);
        var dns = Frame(s_gateway, Udp(4000, 53, [1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7, .. "gateway"u8, 8, .. "vivarium"u8, 8, .. "internal"u8, 0, 0, 1, 0, 1], [10, 0, 2, 15], [10, 0, 2, 3]));
        var ping = Frame(s_gateway, Ip(1, [8, 0, 0xF7, 0xFE, 0, 1, 0, 0], [10, 0, 2, 15], [10, 0, 2, 2]));
        var syn = Frame(s_gateway, Ip(6, [0x10, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x60, 2, 0xFF, 0xFF, 0, 0, 0, 0, 2, 4, 5, 0xB4], [10, 0, 2, 15], [10, 0, 2, 2]));
        var options = Frame(s_all, Ip(17, new byte[8], [10, 0, 2, 15], [10, 0, 2, 9], [1, 7, 7, 4, 10, 0, 2, 1, 0, 0, 0, 0]));
        var igmp = Frame([1, 0, 0x5E, 1, 2, 3], Ip(2, [0x16, 0, 0x09, 0xFA, 224, 1, 2, 3], [10, 0, 2, 15], [224, 1, 2, 3]));
        var fragment = Frame(s_gateway, Ip(17, new byte[24], [10, 0, 2, 15], [10, 0, 2, 2], [], 0x20));
        byte[] linkLocal = [0xFE, 0x80, .. new byte[13], 1];
        byte[] allRouters = [0xFF, 2, .. new byte[13], 2];
        byte[] gateway6 = [0xFD, 0, 0x76, 0x6D, .. new byte[11], 2];
        var solicit = Frame([0x33, 0x33, 0, 0, 0, 2], Ip6(58, [133, 0, 0, 0, 0, 0, 0, 0, 1, 1, .. s_guest], linkLocal, allRouters));
        var neighbour = Frame([0x33, 0x33, 0xFF, 0, 0, 2], Ip6(58, [135, 0, 0, 0, 0, 0, 0, 0, .. gateway6, 1, 1, .. s_guest], linkLocal, [0xFF, 2, .. new byte[9], 1, 0xFF, 0, 0, 2]));
        var tagged = Frame(s_all, [0x81, 0, 0, 5, 0x08, 0x06, .. new byte[46]]);
        byte[] large = [0x13 | 0x40, 34, 0, 16, 0, 100, 0, 54, 0, .. Frame(s_gateway, Ip(6, [0x10, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x10, 0xFF, 0xFF, 0, 0, 0, 0, .. new byte[400]], [10, 0, 2, 15], [10, 0, 2, 9]))[1..]];
        return [dhcp, arp, dns, ping, syn, options, igmp, fragment, solicit, neighbour, tagged, large, [.. arp, .. dhcp, .. syn, .. ping]];
    }

    private static byte[] Frame(byte[] to, byte[] rest)
    {
        byte[] frame = [.. to, .. s_guest, .. rest];
        return [0, (byte)frame.Length, (byte)(frame.Length >> 8), .. frame];
    }

    private static byte[] Udp(int from, int to, byte[] data, byte[] source, byte[] destination) =>
        Ip(17, [(byte)(from >> 8), (byte)from, (byte)(to >> 8), (byte)to, (byte)((data.Length + 8) >> 8), (byte)(data.Length + 8), 0, 0, .. data], source, destination);

    private static byte[] Ip(byte protocol, byte[] data, byte[] source, byte[] destination, byte[]? options = null, byte fragment = 0)
    {
        options ??= [];
        var length = 20 + options.Length + data.Length;
        byte[] header = [(byte)(0x45 + (options.Length / 4)), 0, (byte)(length >> 8), (byte)length, 0, 7, fragment, 0, 64, protocol, 0, 0, .. source, .. destination, .. options];
        var sum = 0;
        for (var i = 0; i < header.Length; i += 2)
        {
            sum += (header[i] << 8) | header[i + 1];
        }

        sum = ~((sum & 0xFFFF) + (sum >> 16));
        header[10] = (byte)(sum >> 8);
        header[11] = (byte)sum;
        return [8, 0, .. header, .. data];
    }

    private static byte[] Ip6(byte next, byte[] data, byte[] source, byte[] destination) => [0x86, 0xDD, 0x60, 0, 0, 0, 0, (byte)data.Length, next, 255, .. source, .. destination, .. data];
}
