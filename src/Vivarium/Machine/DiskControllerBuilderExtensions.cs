using Vivarium.Devices;

namespace Vivarium;

/// <summary>Adds disk controllers to a machine with a PCI bus.</summary>
public static class DiskControllerBuilderExtensions
{
    /// <summary>
    /// Adds an AHCI controller with up to six drives. Its disks are part of snapshots (<see cref="ISnapshotBackend"/>); the medium of a CD drive is not,
    /// as it can be changed at any time.
    /// </summary>
    /// <param name="builder">The machine's builder.</param>
    /// <param name="drives">What is at its ports, the first at port 0.</param>
    /// <exception cref="ArgumentException">On <see cref="VirtualMachineBuilder.Build"/>: there are too many drives, or none.</exception>
    public static VirtualMachineBuilder AddAhci(this VirtualMachineBuilder builder, params IReadOnlyList<AhciDrive> drives)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(drives);
        return builder.WithDevice(context =>
        {
            var name = FreeName(context, "ahci");
            for (var port = 0; port < drives.Count; port++)
            {
                if (drives[port] is AhciDisk disk)
                {
                    context.AddDisk($"{name}-{port}", disk.Backend);
                }
            }

            context.AddPciFunction(host => new AhciController(host, name, context.Memory, context.Events, drives));
        });
    }

    /// <summary>Adds an NVMe controller with a namespace for each back end; they are part of snapshots (<see cref="ISnapshotBackend"/>).</summary>
    /// <param name="builder">The machine's builder.</param>
    /// <param name="namespaces">What stands behind them. Stay the caller's: dispose them after the machine.</param>
    /// <param name="options">How the controller shows itself.</param>
    /// <exception cref="ArgumentException">On <see cref="VirtualMachineBuilder.Build"/>: an option is impossible.</exception>
    public static VirtualMachineBuilder AddNvme(this VirtualMachineBuilder builder, IReadOnlyList<IBlockBackend> namespaces, NvmeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(namespaces);
        return builder.WithDevice(context =>
        {
            var name = FreeName(context, "nvme");
            for (var i = 0; i < namespaces.Count; i++)
            {
                context.AddDisk($"{name}-{i + 1}", namespaces[i]);
            }

            context.AddPciFunction(host => new NvmeController(host, name, context.Memory, context.Events, namespaces, options));
        });
    }

    private static string FreeName(DeviceContext context, string kind)
    {
        var number = 0;
        while (context.Units.Any(unit => unit.StateName == kind + number))
        {
            number++;
        }

        return kind + number;
    }
}
