using Vivarium.Storage;
using Vivarium.Virtio;

namespace Vivarium.Repository.Tests.ReadMe;

public sealed class VirtioReadMeTests
{
    [Fact]
    public async Task A_machine_has_a_disk()
    {
        var loader = new FlatBinaryLoader((byte[])[0xF4, 0xEB, 0xFD]);
        await using var disk = new RamDisk(64 << 20);                       // or RawDisk, Qcow2Disk, OverlayDisk, your own IBlockBackend
        VirtioBlock? shown = null;
        var builder = new VirtualMachineBuilder().WithBootLoader(loader)
            .AddVirtioBlock(disk, new VirtioBlockOptions { QueueCount = 2, SerialNumber = "A-1" }, created: device => shown = device)
            .AddVirtioRng();
        await using var vm = builder.Build();
        Console.WriteLine(shown!.CapacityBytes);                            // 67108864
        Assert.Equal(64 << 20, shown.CapacityBytes);
    }

    [Fact]
    public void The_example_is_the_readmes() => Snippet.AssertInTest("src/Vivarium.Virtio/README.md", nameof(VirtioReadMeTests));
}
