using Vivarium.Devices;
using Vivarium.Network;
using Vivarium.Virtio;

namespace Vivarium;

/// <summary>Connects machines to networks.</summary>
public static class NetworkBuilderExtensions
{
    /// <summary>Adds a virtio network device at a port of a switch. The port goes with the machine; its link is the device's.</summary>
    /// <param name="builder">The machine's builder.</param>
    /// <param name="network">Stays the caller's; must outlive the machine.</param>
    /// <param name="options">How the device shows itself. Its MTU is the port's.</param>
    /// <param name="port">What the port is; null for one with the device's MTU that takes no other Ethernet address than the device's.</param>
    /// <param name="created">Is given the device and its port when the machine is built, for statistics, limits, faults and captures.</param>
    /// <exception cref="ArgumentException">On <see cref="VirtualMachineBuilder.Build"/>: an option is impossible.</exception>
    public static VirtualMachineBuilder AddVirtioNet(
        this VirtualMachineBuilder builder,
        VirtualSwitch network,
        VirtioNetOptions? options = null,
        SwitchPortOptions? port = null,
        Action<VirtioNet, SwitchPort>? created = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(network);
        options ??= new VirtioNetOptions();
        return builder.AddVirtio("virtio-net", (context, services, name) =>
        {
            var device = new VirtioNet(services, name, network.Pool, port is null ? options : options with { MtuBytes = port.MtuBytes });
            var place = network.AddPort(device.Input, port ?? new SwitchPortOptions { MtuBytes = options.MtuBytes, LockedAddress = options.Address });
            device.Connect(place);
            place.LinkChanged += isUp => device.IsLinkUp = isUp;
            context.AddOwned(place);
            created?.Invoke(device, place);
            return device;
        });
    }

    /// <summary>
    /// Adds an Intel 82540EM at a port of a switch, for guests without a virtio driver; the machine needs its PCI bus. The port goes with the
    /// machine; its link is the adapter's.
    /// </summary>
    /// <param name="builder">The machine's builder.</param>
    /// <param name="network">Stays the caller's; must outlive the machine.</param>
    /// <param name="options">How the adapter shows itself.</param>
    /// <param name="port">What the port is; null for one that takes no other Ethernet address than the adapter's.</param>
    /// <param name="created">Is given the adapter and its port when the machine is built, for statistics, limits, faults and captures.</param>
    /// <exception cref="ArgumentException">On <see cref="VirtualMachineBuilder.Build"/>: an option is impossible.</exception>
    public static VirtualMachineBuilder AddE1000(
        this VirtualMachineBuilder builder,
        VirtualSwitch network,
        E1000Options? options = null,
        SwitchPortOptions? port = null,
        Action<E1000, SwitchPort>? created = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(network);
        options ??= new E1000Options();
        return builder.WithDevice(context => context.AddPciFunction(host =>
        {
            var number = 0;
            while (context.Units.Any(unit => unit.StateName == $"e1000-{number}"))
            {
                number++;
            }

            var device = new E1000($"e1000-{number}", host, context.Memory, context.Events, network.Pool, options);
            var place = network.AddPort(device.Input, port ?? new SwitchPortOptions { LockedAddress = options.Address });
            device.Connect(place);
            place.LinkChanged += isUp => device.IsLinkUp = isUp;
            context.AddOwned(place);
            created?.Invoke(device, place);
            return device;
        }));
    }
}
