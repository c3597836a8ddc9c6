using Microsoft.Extensions.Logging;
using Vivarium.Devices;
using Vivarium.Virtio;
using Vivarium.X86;

namespace Vivarium.Cli;

/// <summary>Builds the machine that the options describe.</summary>
internal static class MachineFactory
{
    /// <summary>HLT, and a jump back to it: what a machine without images runs if its restored guest resets.</summary>
    private static readonly byte[] s_haltLoop = [0xF4, 0xEB, 0xFD];

    /// <summary>A queue for each processor, up to so many.</summary>
    private const int MaximumQueues = 16;

    public static async Task<VirtualMachine> CreateAsync(
        RunOptions options,
        IReadOnlyList<IBlockBackend> disks,
        HostEnds ends,
        Networks networks,
        ICharacterSink? debugConsole,
        PostPort? postPort,
        ILoggerFactory loggers,
        CancellationToken cancellationToken)
    {
        var builder = new VirtualMachineBuilder().WithBootLoader(CreateLoader(options)).WithEngine(options.Engine)
            .WithRecompiler(new RecompilerOptions { PerfMap = options.PerfMap }).WithLogging(loggers);
        if (debugConsole is not null)
        {
            builder.WithDebugConsole(debugConsole);
        }

        if (postPort is not null)
        {
            builder.WithDevice(context => context.MapPorts(options.PostPort!.Value, 1, postPort, "post port"));
        }

        if (options.Boot is { } boot)
        {
            builder.WithFirmware(boot.Options);
        }

        if (options.SnapshotLoad is null)
        {
            AddDevices(builder, options, disks, ends, options.Cpus);
            networks.AddTo(builder, options.Cpus);
            return Build(Shape(builder, options));
        }

        var snapshot = InputFile.Open(options.SnapshotLoad);
        await using (snapshot.ConfigureAwait(false))
        {
            var saved = (await SnapshotInfo.ReadAsync(snapshot, cancellationToken).ConfigureAwait(false)).Configuration;
            AddDevices(builder, options, disks, ends, saved.CpuCount);
            networks.AddTo(builder, saved.CpuCount);
            var vm = Build(builder.WithName(saved.Name).WithPreset(saved.Preset).WithMemory(saved.MemoryBytes)
                .WithCpus(saved.CpuCount).WithCpuModel(RunOptions.FindModel(saved.CpuModel)));
            try
            {
                snapshot.Position = 0;
                await vm.RestoreAsync(snapshot, cancellationToken).ConfigureAwait(false);
                return vm;
            }
            catch
            {
                await vm.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }
    }

    /// <summary>One of the two machines of a run in lockstep.</summary>
    public static VirtualMachineBuilder CreateForLockstep(RunOptions options) => Shape(new VirtualMachineBuilder().WithBootLoader(CreateLoader(options)), options);

    private static VirtualMachineBuilder Shape(VirtualMachineBuilder builder, RunOptions options) =>
        builder.WithPreset(options.Boot is not null ? MachinePreset.I440Fx : options.Rom is not null || options.Multiboot is not null ? MachinePreset.Pc : MachinePreset.MicroVm)
            .WithMemory(options.MemoryBytes).WithCpus(options.Cpus).WithCpuModel(RunOptions.FindModel(options.CpuModel));

    private static void AddDevices(VirtualMachineBuilder builder, RunOptions options, IReadOnlyList<IBlockBackend> disks, HostEnds ends, int cpuCount)
    {
        foreach (var disk in Of(DriveInterface.Virtio))
        {
            builder.AddVirtioBlock(disk, new VirtioBlockOptions { QueueCount = Math.Clamp(cpuCount, 1, MaximumQueues) });
        }

        var number = 0;
        foreach (var disk in Of(DriveInterface.Nvme))
        {
            builder.AddNvme([disk], new NvmeOptions { QueueCount = Math.Clamp(cpuCount, 1, MaximumQueues), SerialNumber = $"VIVARIUM{number++}" });
        }

        AhciDrive[] drives = [.. Of(DriveInterface.Ahci).Select((disk, index) => new AhciDisk(disk, $"VIVARIUM{index}")), .. Of(DriveInterface.Cd).Select(disk => new AhciCdDrive(disk))];
        foreach (var some in drives.Chunk(AhciController.PortCount))
        {
            builder.AddAhci(some);
        }

        foreach (var share in options.Shares)
        {
            share.Add(builder);
        }

        foreach (var device in options.Devices)
        {
            DeviceOption.Add(builder, device, ends);
        }

        IEnumerable<IBlockBackend> Of(DriveInterface kind) => disks.Where((_, index) => options.Drives[index].Interface == kind);
    }

    private static VirtualMachine Build(VirtualMachineBuilder builder)
    {
        try
        {
            return builder.Build();
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException or DirectoryNotFoundException or PlatformNotSupportedException)
        {
            throw new UsageException(exception.Message);
        }
    }

    private static IBootLoader CreateLoader(RunOptions options)
    {
        if (options.Boot is { } boot)
        {
            return boot.CreateLoader();
        }

        if (options.Kernel is { } kernelFile)
        {
            var kernel = InputFile.Read(kernelFile);
            return GuestImage.Identify(kernel).Kind switch
            {
                GuestImageKind.LinuxBzImage => options.Initrd is { } initrd ? LinuxBootLoader.CreateStreamed(kernel, InputFile.OpenAgainAndAgain(initrd), options.Append) : new LinuxBootLoader(kernel, commandLine: options.Append),
                GuestImageKind.PvhElf => options.Initrd is { } initrd ? PvhBootLoader.CreateStreamed(kernel, InputFile.OpenAgainAndAgain(initrd), options.Append) : new PvhBootLoader(kernel, commandLine: options.Append),
                GuestImageKind.Multiboot => throw new UsageException($"'{kernelFile}' is a multiboot image; give it with --multiboot."),
                _ => throw new UsageException($"'{kernelFile}' is neither a Linux bzImage nor an ELF image with a PVH entry."),
            };
        }

        if (options.Multiboot is { } multibootFile)
        {
            var initrd = ReadInitrd(options);
            return new MultibootLoader(InputFile.Read(multibootFile), options.Append, initrd.IsEmpty ? [] : [new MultibootModule(initrd, Path.GetFileName(options.Initrd)!)]);
        }

        return options.Rom is { } romFile ? new RomLoader(InputFile.Read(romFile)) : new FlatBinaryLoader(s_haltLoop);
    }

    private static ReadOnlyMemory<byte> ReadInitrd(RunOptions options) => options.Initrd is { } file ? InputFile.Read(file) : default;
}
