using Vivarium.X86;

namespace Vivarium.Tests;

/// <summary>A guest on both engines at once: they agree, and what differs is found at its instruction.</summary>
public sealed class LockstepTests
{
    private const ulong Image = 0x10_0000;

    [Theory]
    [InlineData(100_000)]
    [InlineData(997)]
    public async Task Two_racing_processors_agree_to_the_end(int interval)
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        var report = await new LockstepRunner(DeterministicGuest.LoadedBuilder, new LockstepOptions { IntervalNs = interval, SliceInstructions = 1000 }).RunAsync();
        Assert.Null(report.Difference);
        Assert.Equal(new ShutdownReason(ShutdownKind.DebugExit, 41), report.End);
        Assert.True(report.Instructions > 500_000, $"{report.Instructions} instructions");
        Assert.True(report.Comparisons > report.GuestNs / interval / 2, $"{report.Comparisons} comparisons");
    }

    /// <summary>In its 1,000th round of a loop the guest reads a device, which answers the second machine something else.</summary>
    [Fact]
    public async Task A_difference_is_found_at_its_instruction()
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        var built = 0;
        var report = await new LockstepRunner(() => Builder(++built % 2 == 0), new LockstepOptions { IntervalNs = 100_000 }).RunAsync();
        Assert.NotNull(report.Difference);
        Assert.Equal(report.Difference.AfterNs + 1, report.Difference.AtNs);
        Assert.Contains("in al,90h", Assert.Single(report.Difference.Instructions), StringComparison.Ordinal);
        Assert.Equal("cpu0 RAX: 0x5 and 0x3", Assert.Single(report.Difference.Lines));
    }

    [Theory]
    [InlineData(0x2UL, 0x12UL, true)]
    [InlineData(0x246UL, 0xA53UL, true)]
    [InlineData(0x246UL, 0x346UL, false)]
    [InlineData(0x10UL, 0x11UL, false)]
    [InlineData(0x1_0000_0002UL, 0x1_0000_0012UL, false)]
    public void Only_images_of_the_flags_that_differ_in_arithmetic_flags_are_taken_for_such(ulong first, ulong second, bool isImage) =>
        Assert.Equal(isImage, X86CpuComparison.IsFlagImage(first, second));

    [Fact]
    public async Task The_end_of_the_options_ends_it()
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        var report = await new LockstepRunner(() => Builder(false), new LockstepOptions { IntervalNs = 1000, EndNs = 10_000 }).RunAsync();
        Assert.Equal((10_000L, 10, null, null), (report.GuestNs, report.Comparisons, report.End, report.Difference));
    }

    /// <summary>The host's processor and the interpreter differ in the last bits of RCP and RSQRT; under a deterministic scheduler the interpreter decides.</summary>
    [Fact]
    public async Task Approximations_are_the_interpreters()
    {
        Assert.SkipUnless(Recompiler.IsSupported, "The recompiler needs an x64 host.");
        var report = await new LockstepRunner(Approximating, new LockstepOptions { IntervalNs = 7 }).RunAsync();
        Assert.Null(report.Difference);
        Assert.True(report.Instructions > 6000, $"{report.Instructions} instructions");
    }

    private static VirtualMachineBuilder Approximating()
    {
        // mov eax, cr4; or eax, 200h; mov cr4, eax; mov ecx, 1000; again: movd xmm0, ecx; cvtdq2ps xmm0, xmm0; rcpps xmm1, xmm0; rsqrtps xmm2, xmm0; dec ecx; jnz again
        byte[] code =
        [
            0x0F, 0x20, 0xE0, 0x0D, 0x00, 0x02, 0x00, 0x00, 0x0F, 0x22, 0xE0, 0xB9, 0xE8, 0x03, 0x00, 0x00,
            0x66, 0x0F, 0x6E, 0xC1, 0x0F, 0x5B, 0xC0, 0x0F, 0x53, 0xC8, 0x0F, 0x52, 0xD0, 0x49, 0x75, 0xF0,
            0xB0, 0x14, 0xE6, 0xF4, 0xF4,
        ];
        return new VirtualMachineBuilder().WithMemory(4 << 20).WithBootLoader(new FlatBinaryLoader(code, Image, FlatStartMode.Protected32));
    }

    private static VirtualMachineBuilder Builder(bool isOdd)
    {
        // xor eax, eax; mov ecx, 1000000; again: cmp ecx, 999000; jne skip; in al, 90h; skip: add ebx, eax; dec ecx; jnz again; mov al, 20; out 0F4h, al; hlt
        byte[] code =
        [
            0x31, 0xC0, 0xB9, 0x40, 0x42, 0x0F, 0x00, 0x81, 0xF9, 0x58, 0x3E, 0x0F, 0x00, 0x75, 0x02, 0xE4, 0x90, 0x01, 0xC3, 0x49, 0x75, 0xF1,
            0xB0, 0x14, 0xE6, 0xF4, 0xF4,
        ];
        return new VirtualMachineBuilder().WithMemory(4 << 20).WithBootLoader(new FlatBinaryLoader(code, Image, FlatStartMode.Protected32))
            .WithDevice(context => context.MapPorts(0x90, 1, new Answer(isOdd ? 3u : 5u), "answer"));
    }

    private sealed class Answer(uint value) : IPortDevice
    {
        public IoResult ReadPort(ushort offset, int sizeBytes, out uint read)
        {
            read = value;
            return IoResult.Ok;
        }

        public IoResult WritePort(ushort offset, int sizeBytes, uint written) => IoResult.Ok;
    }
}
