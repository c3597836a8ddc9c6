using Microsoft.Extensions.Logging;
using Vivarium.Bus;
using Vivarium.Virtio;

namespace Vivarium;

/// <summary>Adds virtio devices to a machine: on its PCI bus, or behind MMIO registers if it has none (<see cref="VirtioMmioPlace"/>).</summary>
public static class VirtioBuilderExtensions
{
    /// <summary>Adds a disk.</summary>
    /// <param name="builder">The machine's builder.</param>
    /// <param name="backend">What stands behind it. Stays the caller's: dispose it after the machine.</param>
    /// <param name="options">How it shows itself.</param>
    /// <param name="created">Is given the disk when the machine is built, for <see cref="VirtioBlock.ResizeAsync"/>.</param>
    /// <exception cref="ArgumentException">On <see cref="VirtualMachineBuilder.Build"/>: an option is impossible.</exception>
    public static VirtualMachineBuilder AddVirtioBlock(
        this VirtualMachineBuilder builder, IBlockBackend backend, VirtioBlockOptions? options = null, Action<VirtioBlock>? created = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(backend);
        return builder.AddVirtio("virtio-blk", (context, services, name) =>
        {
            context.AddDisk(name, backend);
            return Created(new VirtioBlock(services, name, backend, options), created);
        });
    }

    /// <summary>Adds a source of entropy: the machine's own.</summary>
    public static VirtualMachineBuilder AddVirtioRng(this VirtualMachineBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddVirtio("virtio-rng", (context, services, name) => new VirtioRng(services, name, context.Entropy));
    }

    /// <summary>Adds a balloon, by which the guest gives memory back.</summary>
    /// <param name="builder">The machine's builder.</param>
    /// <param name="options">What it offers.</param>
    /// <param name="created">Is given the balloon when the machine is built, for <see cref="VirtioBalloon.SetTarget"/>.</param>
    /// <exception cref="ArgumentException">On <see cref="VirtualMachineBuilder.Build"/>: an option is impossible.</exception>
    public static VirtualMachineBuilder AddVirtioBalloon(
        this VirtualMachineBuilder builder, VirtioBalloonOptions? options = null, Action<VirtioBalloon>? created = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddVirtio("virtio-balloon", (_, services, name) => Created(new VirtioBalloon(services, name, options), created));
    }

    /// <summary>Adds a folder of the host that the guest can mount under <see cref="VirtioShareOptions.Tag"/>. On 64-bit Linux hosts.</summary>
    /// <param name="builder">The machine's builder.</param>
    /// <param name="folder">The host's folder.</param>
    /// <param name="options">How it shows itself.</param>
    /// <exception cref="ArgumentException">On <see cref="VirtualMachineBuilder.Build"/>: an option is impossible.</exception>
    /// <exception cref="DirectoryNotFoundException">On <see cref="VirtualMachineBuilder.Build"/>: there is no such folder.</exception>
    public static VirtualMachineBuilder AddVirtioShare(this VirtualMachineBuilder builder, string folder, VirtioShareOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return builder.AddVirtio("virtio-9p", (context, services, name) =>
        {
            var share = new VirtioShare(services, name, folder, options);
            context.AddOwned(share);
            return share;
        });
    }

    /// <summary>Adds consoles and named channels to programs in the guest.</summary>
    /// <param name="builder">The machine's builder.</param>
    /// <param name="options">The ports.</param>
    /// <param name="created">Is given the device when the machine is built, for <see cref="VirtioConsole.Ports"/>.</param>
    /// <exception cref="ArgumentException">On <see cref="VirtualMachineBuilder.Build"/>: an option is impossible.</exception>
    public static VirtualMachineBuilder AddVirtioConsole(
        this VirtualMachineBuilder builder, VirtioConsoleOptions? options = null, Action<VirtioConsole>? created = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddVirtio("virtio-console", (_, services, name) => Created(new VirtioConsole(services, name, options), created));
    }

    /// <summary>Adds sockets between the host program and programs in the guest.</summary>
    /// <param name="builder">The machine's builder.</param>
    /// <param name="options">The guest's address, and how much is held.</param>
    /// <param name="created">Is given the device when the machine is built, for <see cref="VirtioVsock.ConnectAsync"/> and <see cref="VirtioVsock.Listen"/>.</param>
    /// <exception cref="ArgumentException">On <see cref="VirtualMachineBuilder.Build"/>: an option is impossible.</exception>
    public static VirtualMachineBuilder AddVirtioVsock(
        this VirtualMachineBuilder builder, VirtioVsockOptions? options = null, Action<VirtioVsock>? created = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddVirtio("virtio-vsock", (_, services, name) => Created(new VirtioVsock(services, name, options), created));
    }

    /// <summary>Adds a device that <paramref name="create"/> makes; its name is <paramref name="kind"/> and a number.</summary>
    /// <param name="builder">The machine's builder.</param>
    /// <param name="kind">Such as <c>virtio-blk</c>.</param>
    /// <param name="create">Makes the device, under the name that it is given. Called once, by <see cref="VirtualMachineBuilder.Build"/>.</param>
    /// <param name="address">Where on the PCI bus; null for the lowest free slot. Without a bus it has no meaning.</param>
    /// <param name="slot">Whether the device comes and goes (<see cref="VirtualMachine.PlugPciDevice"/>).</param>
    public static VirtualMachineBuilder AddVirtio(
        this VirtualMachineBuilder builder,
        string kind,
        Func<DeviceContext, VirtioServices, string, VirtioDevice> create,
        PciAddress? address = null,
        PciSlotKind slot = PciSlotKind.Fixed)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(kind);
        ArgumentNullException.ThrowIfNull(create);
        return builder.WithDevice(context => Add(context, kind, create, address, slot));
    }

    private static T Created<T>(T device, Action<T>? created)
    {
        created?.Invoke(device);
        return device;
    }

    private static void Add(
        DeviceContext context, string kind, Func<DeviceContext, VirtioServices, string, VirtioDevice> create, PciAddress? address, PciSlotKind slot)
    {
        var number = 0;
        while (context.Units.Any(unit => unit.StateName == kind + number))
        {
            number++;
        }

        var services = new VirtioServices(context.GuestMemory, context.Events, context.LoggerFactory.CreateLogger<VirtioDevice>());
        var device = create(context, services, kind + number);
        context.AddStateUnit(device);
        if (context.Pci is not null)
        {
            context.AddPciFunction(host => new VirtioPci(device, host), address, slot);
            return;
        }

        var place = VirtioMmioPlace.At(context.Units.OfType<VirtioMmio>().Count());
        var transport = new VirtioMmio(device, context.ConnectIrq(place.Irq));
        context.MapMmio(place.Gpa, VirtioMmio.RegionBytes, transport, transport.StateName);
        context.AddStateUnit(transport);
    }
}
