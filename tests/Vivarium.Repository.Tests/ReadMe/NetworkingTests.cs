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
    public void The_example_is_the_documents() => Snippet.AssertInTest("docs/networking.md", nameof(NetworkingTests));
}
