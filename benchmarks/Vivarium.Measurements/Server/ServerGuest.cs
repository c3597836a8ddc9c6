using System.Globalization;

namespace Vivarium.Measurements;

/// <summary>The guest that eng/measure-server.sh makes, under either emulator, with a disk of 256 MiB in a raw file.</summary>
internal static class ServerGuest
{
    public const int DiskMib = 256;
    private const string MemoryMib = "1024";

    public static string Kernel => Path.Combine(Repository.GuestFolder("kernel-generic"), "vmlinuz");

    public static string Initrd => Repository.GuestFolder("server.img");

    public static string CommandLine(string workloads, int scalePercent) =>
        string.Create(CultureInfo.InvariantCulture, $"console=ttyS0 quiet panic=-1 server.run={workloads} server.scale={scalePercent}");

    /// <summary>QEMU's translator, a thread for each processor.</summary>
    public static Emulator Qemu(ServerOptions options, string disk, int cpus) => new("QEMU", options.Qemu, append =>
    [
        "-accel", "tcg,thread=multi", "-cpu", "max", "-m", MemoryMib, "-smp", Text(cpus), "-nographic", "-no-reboot", "-kernel", Kernel, "-initrd", Initrd, "-append", append,
        .. options.Interface == "nvme"
            ? (string[])["-drive", $"file={disk},format=raw,if=none,id=disk", "-device", "nvme,drive=disk,serial=1"]
            : ["-drive", $"file={disk},format=raw,if=virtio"],
    ]);

    /// <summary>The tool as it is released.</summary>
    public static Emulator Vivarium(ServerOptions options, ExecutionEngine engine, string disk, int cpus) => new("Vivarium", options.Vivarium, append =>
    [
        "run", "--engine", engine.ToString().ToLowerInvariant(), "--memory", MemoryMib + "M", "--cpus", Text(cpus), "--kernel", Kernel, "--initrd", Initrd, "--append", append,
        "--drive", $"{disk},format=raw,if={options.Interface}",
    ]);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
