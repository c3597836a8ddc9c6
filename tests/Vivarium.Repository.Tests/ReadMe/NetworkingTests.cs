using System.Net;
using Vivarium.Network;
using Vivarium.Network.UserMode;
using Vivarium.Virtio;

namespace Vivarium.Repository.Tests.ReadMe;

public sealed class NetworkingTests
{
    [Fact]
    public async Task A_machine_is_on_a_network()
    {
        var loader = new FlatBinaryLoader((byte[])[0xF4, 0xEB, 0xFD]);
        using var network = new VirtualSwitch(TimeProvider.System);
        using var gateway = new UserModeGateway(network);
        SwitchPort? port = null;
        var builder = new VirtualMachineBuilder().WithBootLoader(loader)
            .AddVirtioNet(network, new VirtioNetOptions { Address = MacAddress.FromSeed(7) }, created: (_, place) => port = place);
        await using var vm = builder.Build();
        port!.ReceiveFaults = new LinkFaults { Loss = 0.01, Seed = 1 };     // every hundredth frame, the same in every run
        port.IsLinkUp = false;                                              // the cable is out: the guest sees it
        Assert.Equal(2, network.Ports.Count);
        Assert.Equal(MacAddress.FromSeed(7), port.LockedAddress);
    }

    [Fact]
    public async Task A_datagram_goes_to_a_guest_and_its_answer_comes_back()
    {
        using var network = new VirtualSwitch(TimeProvider.System);
        using var gateway = new UserModeGateway(network);
        var echo = new Echo(network);
        echo.Port = network.AddPort(echo, new SwitchPortOptions { Name = "guest" });
        var guestAddress = IPAddress.Parse("10.0.2.15");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var cancellationToken = limit.Token;
        byte[] query = [1, 2, 3];
        using GuestUdpEndpoint endpoint = gateway.OpenUdp(0);
        endpoint.SendTo(query, new IPEndPoint(guestAddress, 8303));
        GuestDatagram answer = await endpoint.ReceiveAsync(cancellationToken);
        Assert.Equal(new IPEndPoint(guestAddress, 8303), answer.Source);
        Assert.Equal(query, answer.Payload.ToArray());
    }

    [Fact]
    public void The_example_is_the_documents() => Snippet.AssertInTest("docs/networking.md", nameof(NetworkingTests));

    /// <summary>A guest that says where it is and sends each UDP datagram back.</summary>
    private sealed class Echo(VirtualSwitch network) : IFrameSink
    {
        private static readonly byte[] s_mac = [2, 0, 0, 0, 0, 15];

        public FrameCapabilities Capabilities => FrameCapabilities.None;

        public SwitchPort? Port { get; set; }

        public void Send(ReadOnlySpan<EthernetFrame> frames)
        {
            foreach (var frame in frames)
            {
                var data = frame.Data.ToArray();
                frame.Release();
                if ((data[12], data[13], data[21]) is (8, 6, 1))
                {
                    Answer([.. data[6..12], .. s_mac, .. data[12..21], 2, .. s_mac, .. data[38..42], .. data[22..32]]);
                }
                else if ((data[12], data[13], data[23]) is (8, 0, 17))
                {
                    Answer([.. data[6..12], .. s_mac, .. data[12..26], .. data[30..34], .. data[26..30], .. data[36..38], .. data[34..36], .. data[38..]]);
                }
            }
        }

        private void Answer(byte[] data)
        {
            var frame = network.Pool.Rent(data.Length);
            data.CopyTo(frame.Span);
            Port!.Send([frame]);
        }
    }
}
