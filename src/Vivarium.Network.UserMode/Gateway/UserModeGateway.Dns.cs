using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Vivarium.Network.UserMode;

/// <content>Names: the network's own, and others by the host's name servers where the outside is allowed.</content>
public sealed partial class UserModeGateway
{
    private const int MostQuestions = 256;
    private const int DnsTimeoutMs = 3_000;

    private int _questions;

    private void AnswerDns(IpAddress guest, ushort guestPort, IpAddress asked, ReadOnlySpan<byte> query)
    {
        if (query.Length < DnsMessage.HeaderBytes || (query[2] & 0x80) != 0)
        {
            return;
        }

        if (!DnsMessage.TryReadQuestion(query, out var name, out var type, out var end))
        {
            var code = (query[2] & 0x78) == 0 ? DnsMessage.FormatError : DnsMessage.NotImplemented;
            Reply(DnsMessage.WriteAnswer(query, DnsMessage.HeaderBytes, code, 0, [], isOurs: false));
            return;
        }

        if (type == DnsMessage.TypePointer && _names.FindPointer(name, _dhcp.Leases) is { } pointer)
        {
            Reply(DnsMessage.WriteAnswer(query, end, DnsMessage.NoError, type, [DnsMessage.WriteName(pointer)], isOurs: true));
        }
        else if (_names.Find(name, _dhcp.Leases) is { } addresses)
        {
            var wanted = addresses.Where(address => type == (address.IsV4 ? DnsMessage.TypeA : DnsMessage.TypeAaaa)).Select(address => address.ToIPAddress().GetAddressBytes()).Take(20).ToList();
            var code = addresses.Count == 0 ? DnsMessage.NameError : DnsMessage.NoError;
            Reply(DnsMessage.WriteAnswer(query, end, code, type, wanted, isOurs: true));
        }
        else if (!_options.Outbound.IsOutboundAllowed)
        {
            Reply(DnsMessage.WriteAnswer(query, end, DnsMessage.Refused, type, [], isOurs: false));
        }
        else if (_questions < MostQuestions)
        {
            _questions++;
            _ = ForwardDnsAsync(guest, guestPort, asked, query.ToArray(), end);
        }

        void Reply(byte[] answer) => SendIp(_builder.CreateUdp(asked, DnsPort, guest, guestPort, answer), guest);
    }

    private async Task ForwardDnsAsync(IpAddress guest, ushort guestPort, IpAddress asked, byte[] query, int questionEnd)
    {
        // The caller holds the lock.
        await Task.Yield();
        byte[]? answer = null;
        foreach (var server in NameServers().Take(3))
        {
            answer = await AskAsync(server, query, questionEnd, _stop.Token).ConfigureAwait(false);
            if (answer is not null)
            {
                break;
            }
        }

        answer ??= DnsMessage.WriteAnswer(query, questionEnd, DnsMessage.ServerFailure, 0, [], isOurs: false);
        Locked(_ =>
        {
            _questions--;
            if (!_disposed)
            {
                SendIp(_builder.CreateUdp(asked, DnsPort, guest, guestPort, answer), guest);
            }
        });
    }

    private static async Task<byte[]?> AskAsync(IPEndPoint server, byte[] query, int questionEnd, CancellationToken stop)
    {
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
            limit.CancelAfter(DnsTimeoutMs);
            using var socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            await socket.ConnectAsync(server, limit.Token).ConfigureAwait(false);
            await socket.SendAsync(query, limit.Token).ConfigureAwait(false);
            var buffer = new byte[4_096];
            while (true)
            {
                // Whoever forges an answer must know the question, too.
                var count = await socket.ReceiveAsync(buffer, limit.Token).ConfigureAwait(false);
                if (count >= questionEnd && (buffer[2] & 0x80) != 0 && buffer.AsSpan(0, 2).SequenceEqual(query.AsSpan(0, 2))
                    && DnsMessage.TryReadQuestion([.. query.AsSpan(0, DnsMessage.HeaderBytes), .. buffer.AsSpan(DnsMessage.HeaderBytes, count - DnsMessage.HeaderBytes)], out var name, out _, out _)
                    && DnsMessage.TryReadQuestion(query, out var asked, out _, out _) && name == asked)
                {
                    return buffer[..count];
                }
            }
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            return null;
        }
    }

    private IEnumerable<IPEndPoint> NameServers()
    {
        if (_options.NameServers.Count > 0)
        {
            return _options.NameServers;
        }

        try
        {
            return NetworkInterface.GetAllNetworkInterfaces()
                .SelectMany(each => each.GetIPProperties().DnsAddresses)
                .Distinct()
                .Select(address => new IPEndPoint(address, DnsPort))
                .ToList();
        }
        catch (NetworkInformationException)
        {
            return [];
        }
    }
}
