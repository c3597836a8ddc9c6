using System.Globalization;
using System.Net;

namespace Vivarium.Cli;

/// <summary>One <c>hostfwd=</c>: a port of the host that leads to the guest.</summary>
internal sealed record HostForward(bool IsUdp, IPEndPoint Host, IPAddress? Guest, int GuestPort)
{
    public const string Form = "tcp|udp:[ADDRESS]:PORT-[GUEST]:PORT";

    /// <exception cref="UsageException">It is not of that form.</exception>
    public static HostForward Parse(string text)
    {
        var isUdp = text.StartsWith("udp:", StringComparison.Ordinal);
        if ((isUdp || text.StartsWith("tcp:", StringComparison.Ordinal)) && text[4..].Split('-') is [var host, var guest]
            && TryParse(host, out var address, out var port) && TryParse(guest, out var guestAddress, out var guestPort) && guestPort > 0)
        {
            return new HostForward(isUdp, new IPEndPoint(address ?? IPAddress.Loopback, port), guestAddress, guestPort);
        }

        throw new UsageException($"hostfwd takes {Form}, as tcp:127.0.0.1:2222-:22, not '{text}'. Without an address the host's is 127.0.0.1 and the guest's is its own.");
    }

    private static bool TryParse(string text, out IPAddress? address, out int port)
    {
        address = null;
        port = 0;
        var colon = text.LastIndexOf(':');
        return colon >= 0
            && (colon == 0 || IPAddress.TryParse(text[..colon].Trim('[', ']'), out address))
            && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= IPEndPoint.MaxPort;
    }
}
