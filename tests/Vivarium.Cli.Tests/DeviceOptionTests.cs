namespace Vivarium.Cli.Tests;

public sealed class DeviceOptionTests
{
    [Theory]
    [InlineData("virtio-rng", 0)]
    [InlineData("virtio-balloon", 0)]
    [InlineData("virtio-balloon,target=64M", 0)]
    [InlineData("virtio-console,port=agent:/tmp/agent.sock,port=other:/tmp/other.sock", 2)]
    [InlineData("virtio-vsock,cid=9,socket=/tmp/vsock", 1)]
    public async Task A_device_is_added(string text, int ends)
    {
        var builder = new VirtualMachineBuilder().WithMemory(4 << 20).WithBootLoader(new FlatBinaryLoader(new byte[] { 0xF4 }));
        using var all = new HostEnds();
        DeviceOption.Add(builder, text, all);
        await builder.Build().DisposeAsync();
        Assert.Equal(ends, all.Count);
    }

    [Theory]
    [InlineData("virtio-gpu", "no device 'virtio-gpu'")]
    [InlineData("virtio-rng,size=1", "'size=1'")]
    [InlineData("virtio-balloon,target=", "'target='")]
    [InlineData("virtio-console", "needs a port")]
    [InlineData("virtio-console,port=agent", "NAME:SOCKET")]
    [InlineData("virtio-vsock", "socket=PATH")]
    [InlineData("virtio-vsock,cid=2,socket=/tmp/v", "from 3")]
    public void What_is_wrong_is_said(string text, string expected)
    {
        using var ends = new HostEnds();
        var exception = Assert.Throws<UsageException>(() => DeviceOption.Add(new VirtualMachineBuilder(), text, ends));
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_share_is_understood()
    {
        var folder = Path.GetTempPath().TrimEnd('/');
        Assert.Equal(new ShareOption(folder, "tag", IsReadOnly: false), ShareOption.Parse(folder + ":tag"));
        Assert.Equal(new ShareOption(folder, "tag", IsReadOnly: true), ShareOption.Parse(folder + ":tag,readonly"));
        foreach (var wrong in (string[])["", folder, folder + ":", ":tag", folder + ":tag,rw", "/no/such/folder:tag"])
        {
            Assert.Throws<UsageException>(() => ShareOption.Parse(wrong));
        }
    }
}
