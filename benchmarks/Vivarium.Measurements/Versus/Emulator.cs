namespace Vivarium.Measurements;

/// <summary>A program that boots the benchmark guest with its serial port on standard output.</summary>
/// <param name="Name">For people.</param>
/// <param name="File">The program.</param>
/// <param name="Arguments">Its arguments for a kernel command line.</param>
internal sealed record Emulator(string Name, string File, Func<string, IEnumerable<string>> Arguments)
{
    private const string MemoryMib = "1024";

    /// <summary>QEMU's translator with every processor feature that it has.</summary>
    public static Emulator Qemu(string program, BenchmarkGuest guest) => new("QEMU", program, append =>
        ["-accel", "tcg", "-cpu", "max", "-m", MemoryMib, "-nographic", "-no-reboot", "-kernel", guest.Kernel, "-initrd", guest.Initrd, "-append", append]);

    /// <summary>The tool as it is released.</summary>
    public static Emulator Vivarium(string program, ExecutionEngine engine, BenchmarkGuest guest) => new("Vivarium", program, append =>
        ["run", "--engine", engine.ToString().ToLowerInvariant(), "--memory", MemoryMib + "M", "--kernel", guest.Kernel, "--initrd", guest.Initrd, "--append", append]);
}
