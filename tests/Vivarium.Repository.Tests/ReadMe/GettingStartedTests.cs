namespace Vivarium.Repository.Tests.ReadMe;

public sealed class GettingStartedTests
{
    [Fact]
    public async Task The_machine_runs()
    {
        var File = new GuestFiles();
        await using var vm = new VirtualMachineBuilder()
            .WithMemory(512 << 20)
            .WithBootLoader(new LinuxBootLoader(File.ReadAllBytes("vmlinuz"), File.ReadAllBytes("initrd.img"), "console=ttyS0"))
            .Build();
        _ = vm.Console.Output.CopyToAsync(Console.OpenStandardOutput());
        await vm.StartAsync();
        ShutdownReason reason = await vm.WaitForShutdownAsync();

        Assert.Equal(ShutdownKind.DebugExit, reason.Kind);
    }

    [Fact]
    public void The_example_is_the_pages() => Snippet.AssertInTest("docs/getting-started.md", nameof(GettingStartedTests));
}
