using Vivarium.Virtio;

namespace Vivarium.Measurements;

/// <summary>A Linux guest with every virtio device, at its shell; eng/check-virtio.sh makes its kernel and its initramfs.</summary>
internal sealed class DeviceGuest : IAsyncDisposable
{
    public const int MemoryMib = 1024;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(90);

    private DeviceGuest(VirtualMachine machine, VirtioBalloon balloon)
    {
        Machine = machine;
        Balloon = balloon;
        Text = new GuestText(machine.Console);
    }

    public VirtualMachine Machine { get; }

    public VirtioBalloon Balloon { get; }

    public GuestText Text { get; }

    /// <param name="options">The engine.</param>
    /// <param name="share">The host's folder for the guest.</param>
    /// <param name="configure">More devices.</param>
    /// <exception cref="MeasurementException">Its files are not there, or it does not come to its shell.</exception>
    public static async Task<DeviceGuest> StartAsync(MeasurementOptions options, string share, Action<VirtualMachineBuilder> configure)
    {
        var guest = Build(options, share, configure);
        await guest.Machine.StartAsync();
        await guest.Text.WaitForAsync("Vivarium guest ready", s_patience);
        await guest.Text.WaitForAsync(LinuxGuest.Prompt, s_patience);
        return guest;
    }

    /// <summary>A guest that goes on from a snapshot of one with the same devices.</summary>
    public static async Task<DeviceGuest> RestoreAsync(MeasurementOptions options, string share, Action<VirtualMachineBuilder> configure, Stream snapshot)
    {
        var guest = Build(options, share, configure);
        await guest.Machine.RestoreAsync(snapshot);
        await guest.Machine.StartAsync();
        return guest;
    }

    /// <summary>Runs a command and returns what it printed.</summary>
    public Task<string> RunAsync(string command) => Text.RunAsync(command, s_patience);

    /// <summary>Runs a command that must succeed.</summary>
    /// <exception cref="MeasurementException">It does not.</exception>
    public async Task<string> MustAsync(string command)
    {
        var printed = await RunAsync($"{command}; echo \"<$?>\"");
        return printed.EndsWith("<0>", StringComparison.Ordinal)
            ? printed[..^3].Trim()
            : throw new MeasurementException($"In the guest '{command}' failed: {printed}");
    }

    public ValueTask DisposeAsync() => Machine.DisposeAsync();

    private static DeviceGuest Build(MeasurementOptions options, string share, Action<VirtualMachineBuilder> configure)
    {
        var kernel = Path.Combine(Repository.GuestFolder("kernel-generic"), "vmlinuz");
        var initrd = Repository.GuestFolder("devices.img");
        if (!File.Exists(kernel) || !File.Exists(initrd))
        {
            throw new MeasurementException("The guest is not there; run eng/check-virtio.sh, which makes it.");
        }

        VirtioBalloon? balloon = null;
        var builder = options.CreateBuilder().WithMemory((ulong)MemoryMib << 20)
            .WithBootLoader(new LinuxBootLoader(File.ReadAllBytes(kernel), File.ReadAllBytes(initrd), "console=ttyS0 panic=-1 quiet"))
            .AddVirtioBalloon(created: device => balloon = device)
            .AddVirtioShare(share, new VirtioShareOptions { Tag = "host" })
            .AddVirtioRng();
        configure(builder);
        return new DeviceGuest(builder.Build(), balloon!);
    }
}
