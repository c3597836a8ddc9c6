using System.Net;
using System.Text;
using Vivarium.Network;
using Vivarium.Virtio;

namespace Vivarium.Samples.TwoGuestsOneSwitch;

/// <summary>A guest on the switch, and its console.</summary>
internal sealed class Guest : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);
    private readonly VirtualMachine _machine;
    private readonly byte[] _buffer = new byte[4096];
    private string _unread = "";
    private SwitchPort? _port;

    public Guest(NetworkGuest image, VirtualSwitch network, string name, MacAddress mac, IPAddress address)
    {
        Address = address;
        _machine = new VirtualMachineBuilder()
            .WithName(name)
            .WithMemory(256 << 20)
            .WithBootLoader(new LinuxBootLoader(image.Kernel, image.Initrd, "console=ttyS0 quiet panic=-1"))
            .AddVirtioNet(network, new VirtioNetOptions { Address = mac }, created: (_, port) => _port = port)
            .Build();
    }

    public IPAddress Address { get; }

    public SwitchPort Port => _port!;

    public async Task StartAsync()
    {
        await _machine.StartAsync();
        await ReadUntilAsync("guest ready");
    }

    /// <summary>Runs a line of shell in the guest; what it printed.</summary>
    public async Task<string> RunAsync(string command)
    {
        await _machine.Console.Input.WriteAsync(Encoding.ASCII.GetBytes(command + "\n"));
        return await ReadUntilAsync("== done");
    }

    public ValueTask DisposeAsync() => _machine.DisposeAsync();

    private async Task<string> ReadUntilAsync(string text)
    {
        using var timeout = new CancellationTokenSource(s_patience);
        int found;
        while ((found = _unread.IndexOf(text, StringComparison.Ordinal)) < 0)
        {
            var count = await _machine.Console.Output.ReadAsync(_buffer, timeout.Token);
            if (count == 0)
            {
                throw new EndOfStreamException($"The guest ended before it printed '{text}': {_unread}");
            }

            _unread += Encoding.ASCII.GetString(_buffer, 0, count);
        }

        var before = _unread[..found];
        _unread = _unread[(found + text.Length)..];
        return before;
    }
}
