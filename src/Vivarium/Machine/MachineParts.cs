using Microsoft.Extensions.Logging;
using Vivarium.Memory;
using Vivarium.Scheduling;

namespace Vivarium;

/// <summary>What the builder assembled and the machine runs.</summary>
internal sealed class MachineParts
{
    public required MachineConfiguration Configuration { get; init; }

    /// <summary>What executes guest code: never <see cref="ExecutionEngine.Auto"/>.</summary>
    public required ExecutionEngine Engine { get; init; }

    /// <summary>What the processors share if they recompile.</summary>
    public X86.Recompiler? Recompiler { get; init; }

    public required ILogger Logger { get; init; }

    /// <summary>The device lock.</summary>
    public required Lock DeviceLock { get; init; }

    public required GuestMemory Memory { get; init; }

    public required VmClock Clock { get; init; }

    public required VmEventQueue Events { get; init; }

    public required PowerSwitch Power { get; init; }

    /// <summary>Hears of exceptions out of device callbacks; set to the machine's handler.</summary>
    public required FailureRelay Failures { get; init; }

    public required IReadOnlyList<IMachineCpu> Cpus { get; init; }

    /// <summary>All state units but the clock and the processors, in the order in which they were added.</summary>
    public required IReadOnlyList<IStateUnit> Devices { get; init; }

    /// <summary>The disks that go into snapshots.</summary>
    public required SnapshotDisks Disks { get; init; }

    /// <summary>Has the power button.</summary>
    public required Devices.AcpiPowerManagement PowerManagement { get; init; }

    /// <summary>The PCI bus; null if there is none.</summary>
    public PciComplex? Pci { get; init; }

    /// <summary>Brings interrupt lines in agreement after a reset or restore. Device lock held.</summary>
    public required Action Resynchronise { get; init; }

    public required IBootLoader Loader { get; init; }

    public required BootContext BootContext { get; init; }

    /// <summary>What goes to the root pointer's address before the loader runs; null if firmware sees to the tables.</summary>
    public required byte[]? AcpiTables { get; init; }

    /// <summary>Disposed after the machine, in order: what it owns.</summary>
    public required IReadOnlyList<IDisposable> Owned { get; init; }

    /// <summary>Every state unit by the order of restoring: the clock first, as all else asks it for the time, processors last.</summary>
    public IEnumerable<IStateUnit> Units => [Clock, .. Devices, .. Cpus];

    /// <summary>Power-on: empty memory, all units reset, the guest loaded. The processors must be parked.</summary>
    public void PowerOn()
    {
        lock (DeviceLock)
        {
            // Who holds the lock may be writing to what was there.
            Memory.Clear();
            foreach (var unit in Units)
            {
                unit.Reset();
            }

            Resynchronise();
        }

        if (AcpiTables is not null)
        {
            BiosDataArea.Write(BootContext, Configuration.Preset == MachinePreset.Pc ? 2 : 1);
            BootContext.Write(BootContext.RsdpGpa, AcpiTables, "ACPI tables");
        }

        if (Loader.Load(BootContext) is { } state)
        {
            Cpus[0].Start(state);
        }
    }
}

/// <summary>Where callbacks of the clock and of the event queue report exceptions; they are created before the machine.</summary>
internal sealed class FailureRelay
{
    public Action<Exception>? Failed { get; set; }

    public void Report(Exception exception) => Failed?.Invoke(exception);
}
