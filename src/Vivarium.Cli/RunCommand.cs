using System.CommandLine;

namespace Vivarium.Cli;

/// <summary><c>vivarium run</c>: its options and their meaning.</summary>
internal static class RunCommand
{
    private const string Notes = """
        Examples:
          vivarium run --kernel vmlinuz --initrd initrd.img --append "console=ttyS0" --memory 512M
          vivarium run --rom bios.bin --cpus 1 --debugcon bios.log --serial none
          vivarium run --multiboot kernel.elf --timeout 10 --engine interpreter
          vivarium run --multiboot apic.flat --cpus 2 --device pc-testdev --timeout 60
          vivarium run --rom test386.bin --post-port 0x190 --serial none --timeout 60
          vivarium run --kernel vmlinuz --initrd initrd.img --append "console=ttyS0" --engine lockstep
          vivarium run --kernel vmlinuz --append "console=ttyS0" --snapshot-save vm.snap --timeout 60
          vivarium run --snapshot-load vm.snap
          vivarium run --kernel vmlinuz --append "console=ttyS0 nokaslr" --gdb 1234
            and in another window: gdb vmlinux -ex "target remote :1234" -ex "hbreak start_kernel" -ex continue
          vivarium run --kernel vmlinuz --initrd initrd.img --append "console=ttyS0 root=/dev/vda1" --drive disk.qcow2,overlay=on
          vivarium run --kernel vmlinuz --initrd initrd.img --append "console=ttyS0" --share ./src:src,readonly
            and in the guest: mount -t 9p -o trans=virtio,version=9p2000.L src /mnt
          vivarium run --boot bios --drive debian.qcow2 --memory 1G --cpus 2
          vivarium run --kernel vmlinuz --initrd initrd.img --append "console=ttyS0" --net user,outbound=on,hostfwd=tcp:127.0.0.1:2222-:22
          vivarium run --kernel vmlinuz --initrd initrd.img --append "console=ttyS0" --net switch=lab --pcap lab.pcapng

        A guest on --net user gets 10.0.2.15 by DHCP from its gateway 10.0.2.2, and reaches nothing outside unless asked: outbound=on for the
        world, hostloopback=PORT for a port of this host, at 10.0.2.2. See docs/networking.md.
        With --gdb the guest stands at its first instruction until gdb lets it go on. See docs/debugging.md.

        Keys, with --serial stdio (all others go to the guest as they are):
          Ctrl-A X quits, Ctrl-A S saves a snapshot, Ctrl-A P presses the power button, Ctrl-A Ctrl-A sends Ctrl-A

        At the end a line on standard error says why it ended, which engine ran and how fast.

        Exit codes:
          0    the guest powered off, or you quit
          4    the engines differ (--engine lockstep)
          64   bad usage, a missing or damaged file
          70   triple fault
          124  timeout
          130  interrupted
          (v << 1) | 1  the guest wrote v to the debug-exit port 0xF4
        """;

    public static Command Create()
    {
        var kernel = new Option<string?>("--kernel") { HelpName = "F", Description = "Linux bzImage, or ELF image with a PVH entry." };
        var initrd = new Option<string?>("--initrd") { HelpName = "F", Description = "Initial RAM disk, or the first module of a multiboot image." };
        var append = new Option<string>("--append") { HelpName = "S", Description = "Kernel command line.", DefaultValueFactory = _ => "" };
        var memory = new Option<string>("--memory") { HelpName = "SIZE", Description = "Guest memory, as 512M or 4G; a plain number is in MiB.", DefaultValueFactory = _ => "256M" };
        var cpus = new Option<string>("--cpus") { HelpName = "N", Description = "Processors, 1 to 255.", DefaultValueFactory = _ => "1" };
        var engine = new Option<string>("--engine") { HelpName = "E", Description = "What executes guest code: auto (the recompiler where the host allows it), interpreter, recompiler, or lockstep, which runs both and stops where they differ.", DefaultValueFactory = _ => "auto" };
        var interval = new Option<string>("--lockstep-interval") { HelpName = "N", Description = "With --engine lockstep: instructions between two comparisons.", DefaultValueFactory = _ => "1000000" };
        var report = new Option<bool>("--engine-report") { Description = "Prints at the end what the recompiler did and what the interpreter executed for it." };
        var perfMap = new Option<bool>("--perf-map") { Description = "Names translated code for Linux perf in /tmp/perf-PID.map." };
        var cpu = new Option<string>("--cpu") { HelpName = "MODEL", Description = $"CPU model: {RunOptions.CpuModelNames}.", DefaultValueFactory = _ => "max" };
        var rom = new Option<string?>("--rom") { HelpName = "F", Description = "ROM image that ends at the reset vector." };
        var boot = new Option<string?>("--boot") { HelpName = "bios,...", Description = $"Boots as a PC does, from disks and CDs, with SeaBIOS: {BootArguments.Form}." };
        var bios = new Option<string?>("--bios") { HelpName = "F", Description = "The firmware's ROM, if not that of the host's package seabios." };
        var multiboot = new Option<string?>("--multiboot") { HelpName = "F", Description = "Multiboot 1 image." };
        var serial = new Option<string>("--serial") { HelpName = "WHERE", Description = "stdio, file:F or none.", DefaultValueFactory = _ => "stdio" };
        var debugConsole = new Option<string?>("--debugcon") { HelpName = "F", Description = "File for what the guest writes to port 0xE9." };
        var postPort = new Option<string?>("--post-port") { HelpName = "PORT", Description = "Prints the bytes that the guest writes to this port, as 0x80 or 0x190: progress codes of firmware and test images." };
        var save = new Option<string?>("--snapshot-save") { HelpName = "F", Description = "Writes a snapshot here at the timeout, at Ctrl-A X and at Ctrl-A S." };
        var load = new Option<string?>("--snapshot-load") { HelpName = "F", Description = "Goes on from this snapshot; memory, CPUs and model come from it." };
        var timeout = new Option<string?>("--timeout") { HelpName = "SECONDS", Description = "Ends the machine after so long." };
        var gdb = new Option<string?>("--gdb") { HelpName = "WHERE", Description = "Serves gdb at PORT of this host, or at ADDRESS:PORT; port 0 takes a free one. The guest waits for it." };
        var gdbNoWait = new Option<bool>("--gdb-nowait") { Description = "With --gdb: the guest runs, and gdb halts it by connecting." };
        var gdbRegisters = new Option<string>("--gdb-registers") { HelpName = "SET", Description = $"As what gdb sees the guest: {GdbArguments.SetNames}.", DefaultValueFactory = _ => "x64" };
        var drive = new Option<string[]>("--drive") { HelpName = "FILE,...", Description = $"A disk: {DriveOptions.Form}. May be given several times." };
        var cdrom = new Option<string[]>("--cdrom") { HelpName = "FILE", Description = "The image of a CD or DVD in a drive of an AHCI controller. May be given several times." };
        var device = new Option<string[]>("--device") { HelpName = "D", Description = $"One more device: {DeviceOption.Forms}. May be given several times." };
        var share = new Option<string[]>("--share") { HelpName = "HOST:TAG", Description = $"A folder of the host for the guest to mount (9p, virtio): {ShareOption.Form}. May be given several times." };
        var command = new NotedCommand("run", "Boots a guest and connects its serial port.", Notes)
        {
            kernel, initrd, append, memory, cpus, engine, interval, report, perfMap, cpu, rom, boot, bios, multiboot, serial, drive, cdrom, share, device, debugConsole, postPort, save, load, timeout, gdb, gdbNoWait, gdbRegisters,
        };
        var net = new NetArguments();
        net.AddTo(command);
        command.SetAction((result, cancellationToken) =>
        {
            var options = new RunOptions
            {
                Kernel = result.GetValue(kernel),
                Initrd = result.GetValue(initrd),
                Append = result.GetValue(append)!,
                MemoryBytes = MemorySize.Parse(result.GetValue(memory)!),
                Cpus = RunOptions.ParseCpus(result.GetValue(cpus)!),
                Engine = result.GetValue(engine) == LockstepRun.EngineName ? ExecutionEngine.Auto : RunOptions.FindEngine(result.GetValue(engine)!),
                IsLockstep = result.GetValue(engine) == LockstepRun.EngineName,
                LockstepInterval = RunOptions.ParseInterval(result.GetValue(interval)!),
                EngineReport = result.GetValue(report),
                PerfMap = result.GetValue(perfMap),
                CpuModel = result.GetValue(cpu)!,
                Rom = result.GetValue(rom),
                Boot = BootArguments.Parse(result.GetValue(boot), result.GetValue(bios)),
                Multiboot = result.GetValue(multiboot),
                Serial = result.GetValue(serial)!,
                Drives = [.. (result.GetValue(drive) ?? []).Select(DriveOptions.Parse), .. (result.GetValue(cdrom) ?? []).Select(DriveOptions.Cd)],
                Shares = [.. (result.GetValue(share) ?? []).Select(ShareOption.Parse)],
                Devices = result.GetValue(device) ?? [],
                Networking = net.Parse(result),
                DebugConsole = result.GetValue(debugConsole),
                PostPort = RunOptions.ParsePort(result.GetValue(postPort)),
                SnapshotSave = result.GetValue(save),
                SnapshotLoad = result.GetValue(load),
                TimeoutSeconds = RunOptions.ParseSeconds(result.GetValue(timeout)),
                Gdb = GdbArguments.Parse(result.GetValue(gdb), result.GetValue(gdbNoWait), result.GetValue(gdbRegisters)!),
            };
            options.Validate();
            return options.IsLockstep
                ? new LockstepRun(options, result.InvocationConfiguration.Error).RunAsync(cancellationToken)
                : new MachineRunner(options, result.InvocationConfiguration.Error).RunAsync(cancellationToken);
        });
        return command;
    }
}
