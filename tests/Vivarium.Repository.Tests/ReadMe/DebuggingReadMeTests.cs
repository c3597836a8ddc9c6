using Vivarium.Debugging;

namespace Vivarium.Repository.Tests.ReadMe;

public sealed class DebuggingReadMeTests
{
    [Fact]
    public async Task The_machine_waits_for_a_client()
    {
        await using var vm = Machine();

        await using GdbServer gdb = vm.ServeGdb(new GdbServerOptions { Port = 0 });
        Console.WriteLine($"target remote {gdb.EndPoint}");
        await vm.StartAsync();      // stands at the guest's first instruction until a client lets it go on

        Assert.Equal(MachineState.Paused, vm.State);
    }

    [Fact]
    public async Task The_guide_serves_gdb()
    {
        await using var vm = Machine();

        await using GdbServer gdb = vm.ServeGdb(new GdbServerOptions { Port = 0 });   // or WithGdbServer of the builder
        Console.WriteLine($"target remote {gdb.EndPoint}");                          // port 0 takes a free one
        await vm.StartAsync();

        Assert.True(gdb.IsListening);
    }

    [Theory]
    [InlineData("docs/debugging.md")]
    [InlineData("src/Vivarium.Debugging/README.md")]
    public void The_examples_are_the_pages(string page) => Snippet.AssertInTest(page, nameof(DebuggingReadMeTests));

    private static VirtualMachine Machine() =>
        new VirtualMachineBuilder().WithMemory(4 << 20).WithBootLoader(new FlatBinaryLoader(new byte[] { 0xF4 })).Build();
}
