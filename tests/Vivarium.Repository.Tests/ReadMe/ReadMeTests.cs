namespace Vivarium.Repository.Tests.ReadMe;

/// <summary>The example of the first page.</summary>
public sealed class ReadMeTests
{
    [Fact]
    public async Task A_guest_is_asked_twice()
    {
        byte[] guest =
        [
            0xBA, 0xF8, 0x03, 0xB0, 0x3F, 0xEE,              // mov dx, 3F8h; mov al, '?'; out dx, al
            0x83, 0xC2, 0x05, 0xEC, 0xA8, 0x01, 0x74, 0xFB,  // add dx, 5;  wait: in al, dx; test al, 1; jz wait
            0x83, 0xEA, 0x05, 0xEC, 0xE6, 0xF4, 0xF4,        // sub dx, 5; in al, dx; out 0F4h, al; hlt
        ];
        VirtualMachine Create() => new VirtualMachineBuilder().WithMemory(16 << 20).WithBootLoader(new FlatBinaryLoader(guest)).Build();

        await using var vm = Create();
        await vm.StartAsync();
        await vm.Console.Output.ReadExactlyAsync(new byte[1]);        // it has asked
        using var snapshot = new MemoryStream();
        await vm.SaveAsync(snapshot);                                 // a moment to come back to
        await vm.Console.Input.WriteAsync(new byte[] { 10 });
        Console.WriteLine(await vm.WaitForShutdownAsync());           // ShutdownReason { Kind = DebugExit, ExitCode = 21 }

        await using var again = Create();
        snapshot.Position = 0;
        await again.RestoreAsync(snapshot);
        await again.StartAsync();
        await again.Console.Input.WriteAsync(new byte[] { 20 });
        Console.WriteLine(await again.WaitForShutdownAsync());        // ShutdownReason { Kind = DebugExit, ExitCode = 41 }

        Assert.Equal(new ShutdownReason(ShutdownKind.DebugExit, 21), await vm.WaitForShutdownAsync());
        Assert.Equal(new ShutdownReason(ShutdownKind.DebugExit, 41), await again.WaitForShutdownAsync());
    }

    [Fact]
    public void The_example_is_the_readmes() => Snippet.AssertInTest("README.md", nameof(ReadMeTests));
}
