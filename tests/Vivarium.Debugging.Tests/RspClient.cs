using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Vivarium.Debugging.Tests;

/// <summary>A client that speaks the protocol by hand.</summary>
internal sealed class RspClient : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);
    private readonly TcpClient _tcp = new() { NoDelay = true };
    private readonly PacketReader _reader = new();

    private RspClient()
    {
    }

    public static async Task<RspClient> ConnectAsync(IPEndPoint server)
    {
        var client = new RspClient();
        await client._tcp.ConnectAsync(server);
        return client;
    }

    public void Dispose() => _tcp.Dispose();

    /// <summary>Sends a packet and waits for its answer.</summary>
    public async Task<string> AskAsync(string packet)
    {
        await SendAsync(packet);
        return await ReadAsync();
    }

    public Task SendAsync(string packet) => SendRawAsync(Encoding.Latin1.GetString(PacketWriter.Frame(packet)));

    public async Task SendRawAsync(string bytes) => await _tcp.GetStream().WriteAsync(Encoding.Latin1.GetBytes(bytes));

    /// <summary>The next packet.</summary>
    /// <exception cref="EndOfStreamException">The server has hung up.</exception>
    public async Task<string> ReadAsync()
    {
        while (true)
        {
            if (await ReadEventAsync() == PacketEvent.Packet)
            {
                await SendRawAsync("+");
                return Encoding.Latin1.GetString(_reader.Payload.Span);
            }
        }
    }

    /// <summary>The next sign or packet.</summary>
    public async Task<PacketEvent> ReadEventAsync()
    {
        var buffer = new byte[1];
        using var limit = new CancellationTokenSource(s_patience);
        while (true)
        {
            if (await _tcp.GetStream().ReadAsync(buffer, limit.Token) == 0)
            {
                throw new EndOfStreamException();
            }

            if (_reader.Push(buffer[0]) is var packetEvent and not PacketEvent.None)
            {
                return packetEvent;
            }
        }
    }
}
