using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Vivarium.Bus;
using Vivarium.Debugging;
using Vivarium.Devices;
using Vivarium.Memory;
using Vivarium.Scheduling;
using Vivarium.X86;

namespace Vivarium;

/// <summary>
/// Describes a machine step by step; <see cref="Build"/> checks the whole and assembles it. Each method returns the builder. Not
/// thread-safe; one builder can build one machine, as devices and boot loaders belong to one.
/// </summary>
public sealed class VirtualMachineBuilder
{
    private const ulong MinimumMemoryBytes = 2UL << 20;
    private const ulong MaximumMemoryBytes = 1UL << 40;
    private const int MaximumCpus = 255;

    private readonly List<Action<DeviceContext>> _devices = [];
    private string _name = "vm";
    private MachinePreset _preset = MachinePreset.MicroVm;
    private ulong _memoryBytes = 256UL << 20;
    private int _cpuCount = 1;
    private CpuModel _cpuModel = CpuModel.Max;
    private ExecutionEngine _engine = ExecutionEngine.Auto;
    private RecompilerOptions _recompilerOptions = new();
    private IBootLoader? _loader;
    private IVcpuScheduler? _scheduler;
    private VmShare _share = new();
    private VmTimerService? _timers;
    private bool _exactBudget;
    private ILoggerFactory _loggerFactory = NullLoggerFactory.Instance;
    private IEntropySource _entropy = new HostEntropy();
    private DateTimeOffset? _wallClock;
    private ICharacterSink _debugConsole = new NullCharacterSink();
    private GdbServerOptions? _gdb;
    private bool _hasPci = true;
    private FirmwareOptions _firmware = new();
    private bool _built;

    /// <summary>How processors are made; tests put their own.</summary>
    internal Func<CpuPlan, IMachineCpu> CpuFactory { get; set; } = plan => new X86MachineCpu(plan);

    /// <summary>How the recompiler is made; tests put a host that refuses.</summary>
    internal Func<RecompilerOptions, ExecutionEngineProvider> RecompilerFactory { get; set; } = options => new Recompiler(options);

    /// <summary>Names the machine, for logs and schedulers. Default "vm".</summary>
    public VirtualMachineBuilder WithName(string name)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        _name = name;
        return this;
    }

    /// <summary>Chooses the built-in devices. Default <see cref="MachinePreset.MicroVm"/>.</summary>
    public VirtualMachineBuilder WithPreset(MachinePreset preset)
    {
        _preset = preset;
        return this;
    }

    /// <summary>Sets guest memory, 2 MiB to 1 TiB in pages of 4 KiB. Default 256 MiB. The host gives memory only as the guest touches it.</summary>
    public VirtualMachineBuilder WithMemory(ulong sizeBytes)
    {
        _memoryBytes = sizeBytes;
        return this;
    }

    /// <summary>Sets the number of processors, 1 to 255. Default 1.</summary>
    public VirtualMachineBuilder WithCpus(int count)
    {
        _cpuCount = count;
        return this;
    }

    /// <summary>Chooses what CPUID reports and which instructions exist. Default <see cref="CpuModel.Max"/>.</summary>
    public VirtualMachineBuilder WithCpuModel(CpuModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        _cpuModel = model;
        return this;
    }

    /// <summary>
    /// Chooses what executes guest code. Default <see cref="ExecutionEngine.Auto"/>, which warns in the log if it has to make do with the
    /// interpreter on an x64 host.
    /// </summary>
    public VirtualMachineBuilder WithEngine(ExecutionEngine engine)
    {
        _engine = engine;
        return this;
    }

    /// <summary>Sets up the recompiler, if that is what executes guest code.</summary>
    public VirtualMachineBuilder WithRecompiler(RecompilerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _recompilerOptions = options;
        return this;
    }

    /// <summary>Chooses what to boot. Required.</summary>
    public VirtualMachineBuilder WithBootLoader(IBootLoader loader)
    {
        ArgumentNullException.ThrowIfNull(loader);
        _loader = loader;
        return this;
    }

    /// <summary>
    /// Has each processor execute exactly the budgets that its scheduler gives it (<see cref="X86CpuOptions.ExactBudget"/>), for schedulers that
    /// count instructions. Default: only under a <see cref="DeterministicScheduler"/>.
    /// </summary>
    public VirtualMachineBuilder WithExactBudget()
    {
        _exactBudget = true;
        return this;
    }

    /// <summary>
    /// Runs the vCPUs on a scheduler that other machines may share, with this share. Default: a thread for each vCPU. A
    /// <see cref="DeterministicScheduler"/> also gives the machine its clock and exact budgets; set <see cref="WithEntropy"/> and
    /// <see cref="WithWallClock"/> too, and two runs are the same.
    /// </summary>
    public VirtualMachineBuilder WithScheduler(IVcpuScheduler scheduler, VmShare? share = null)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        _scheduler = scheduler;
        _share = share ?? new VmShare();
        return this;
    }

    /// <summary>Fires the timers on a service that other machines may share. Default: one of its own.</summary>
    public VirtualMachineBuilder WithTimerService(VmTimerService timers)
    {
        ArgumentNullException.ThrowIfNull(timers);
        _timers = timers;
        return this;
    }

    /// <summary>Logs to this factory. Default: nowhere.</summary>
    public VirtualMachineBuilder WithLogging(ILoggerFactory loggerFactory)
    {
        ArgumentNullException.ThrowIfNull(loggerFactory);
        _loggerFactory = loggerFactory;
        return this;
    }

    /// <summary>Takes randomness from this source. Default: the host's cryptographic generator.</summary>
    public VirtualMachineBuilder WithEntropy(IEntropySource entropy)
    {
        ArgumentNullException.ThrowIfNull(entropy);
        _entropy = entropy;
        return this;
    }

    /// <summary>
    /// Sets the date and time at which the guest's clocks begin; its battery clock (RTC) then stands still while the machine is paused, as all its clocks
    /// do. Default: the host's time, which the RTC shows again after a pause or a restore, except under a deterministic scheduler.
    /// </summary>
    public VirtualMachineBuilder WithWallClock(DateTimeOffset start)
    {
        _wallClock = start;
        return this;
    }

    /// <summary>Takes what the guest writes to the debug console, port 0xE9, or 0x402 where firmware expects it. Default: dropped.</summary>
    public VirtualMachineBuilder WithDebugConsole(ICharacterSink sink)
    {
        ArgumentNullException.ThrowIfNull(sink);
        _debugConsole = sink;
        return this;
    }

    /// <summary>
    /// Serves gdb from <see cref="Build"/> on, as <see cref="VirtualMachine.ServeGdb"/> does. By default the machine, once started, waits at its
    /// first instruction for a client to let it go on.
    /// </summary>
    public VirtualMachineBuilder WithGdbServer(GdbServerOptions? options = null)
    {
        _gdb = options ?? new GdbServerOptions();
        return this;
    }

    /// <summary>Adds a device: <paramref name="attach"/> creates it from the context's services and maps it. Called once, by <see cref="Build"/>.</summary>
    public VirtualMachineBuilder WithDevice(Action<DeviceContext> attach)
    {
        ArgumentNullException.ThrowIfNull(attach);
        _devices.Add(attach);
        return this;
    }

    /// <summary>Chooses whether the machine has a PCI bus. Default yes.</summary>
    public VirtualMachineBuilder WithPci(bool hasPci)
    {
        _hasPci = hasPci;
        return this;
    }

    /// <summary>Says what the firmware of a machine with <see cref="MachinePreset.I440Fx"/> is told.</summary>
    public VirtualMachineBuilder WithFirmware(FirmwareOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _firmware = options;
        return this;
    }

    /// <summary>
    /// Adds a PCI function: <paramref name="create"/> makes it from the context's services and its host. Called once, by <see cref="Build"/>.
    /// </summary>
    /// <param name="create">Makes the function.</param>
    /// <param name="address">Where, in slots 1 to 31; null for function 0 of the lowest free slot.</param>
    /// <param name="kind">Whether the device comes and goes (<see cref="VirtualMachine.PlugPciDevice"/>); the same for all functions of a slot.</param>
    public VirtualMachineBuilder WithPciFunction(
        Func<DeviceContext, IPciHost, IPciFunction> create,
        PciAddress? address = null,
        PciSlotKind kind = PciSlotKind.Fixed)
    {
        ArgumentNullException.ThrowIfNull(create);
        return WithDevice(context => context.AddPciFunction(host => create(context, host), address, kind));
    }

    /// <summary>Checks everything and assembles the machine, the guest loaded.</summary>
    /// <exception cref="InvalidOperationException">
    /// A setting is missing or impossible, the host has no recompiler and it was asked for by name, or the builder has built before.
    /// </exception>
    /// <exception cref="GuestImageException">What to boot does not fit the machine.</exception>
    /// <exception cref="OutOfMemoryException">The host has no address space for the memory.</exception>
    /// <exception cref="IOException">gdb cannot be served at the address given.</exception>
    public VirtualMachine Build()
    {
        Validate();
        _built = true;
        var owned = new List<IDisposable>();
        try
        {
            return Assemble(owned);
        }
        catch
        {
            owned.ForEach(each => each.Dispose());
            throw;
        }
    }

    private void Validate()
    {
        if (_built)
        {
            throw new InvalidOperationException("This builder has built its machine already; create another for the next machine.");
        }

        if (_loader is null)
        {
            throw new InvalidOperationException("Nothing to boot: call WithBootLoader, for example with a LinuxBootLoader.");
        }

        if (_memoryBytes is < MinimumMemoryBytes or > MaximumMemoryBytes || _memoryBytes % GuestMemory.PageSize != 0)
        {
            throw new InvalidOperationException($"Guest memory must be 2 MiB to 1 TiB in whole pages of 4 KiB; got {_memoryBytes:N0} bytes.");
        }

        if (_cpuCount is < 1 or > MaximumCpus)
        {
            throw new InvalidOperationException($"A machine has 1 to {MaximumCpus} processors; got {_cpuCount}.");
        }

        if (!Enum.IsDefined(_preset))
        {
            throw new InvalidOperationException($"There is no machine preset {_preset}.");
        }

        if (_preset == MachinePreset.I440Fx && !_hasPci)
        {
            throw new InvalidOperationException($"The preset {_preset} has a PCI bus: leave out WithPci(false).");
        }

        if (!Enum.IsDefined(_engine))
        {
            throw new InvalidOperationException($"There is no execution engine {_engine}.");
        }

        if (_scheduler is DeterministicScheduler deterministic && _timers is not null && _timers != deterministic.Timers)
        {
            throw new InvalidOperationException("Under a DeterministicScheduler timers fire by its own clock: leave out WithTimerService.");
        }
    }

    private VirtualMachine Assemble(List<IDisposable> owned)
    {
        var deviceLock = new Lock();
        var failures = new FailureRelay();
        var power = new PowerSwitch();
        var logger = _loggerFactory.CreateLogger<VirtualMachine>();
        var memory = Own(owned, new GuestMemory());
        var firmware = AddRam(memory);
        _loader!.AddMemory(memory);
        var timers = _timers ?? (_scheduler as DeterministicScheduler)?.Timers ?? Own(owned, new VmTimerService());
        var followsHost = _wallClock is null && _scheduler is not DeterministicScheduler;
        var clock = Own(owned, new VmClock(timers, deviceLock, ToNs(_wallClock ?? HostTime()), failures.Report, followsHost ? () => ToNs(HostTime()) : null));
        var events = Own(owned, new VmEventQueue(timers, deviceLock, failures.Report));
        var ports = new PortBus(deviceLock, logger);
        var mmio = new MmioBus(deviceLock, logger);
        var router = firmware is null ? new InterruptRouter() : new InterruptRouter(FirmwareBoard.InterruptCount);
        var context = new DeviceContext(ports, mmio, router, memory)
        {
            Clock = clock,
            Events = events,
            Power = power,
            Entropy = _entropy,
            LoggerFactory = _loggerFactory,
            DeviceLock = deviceLock,
        };
        SerialPort[] serialPorts = _preset == MachinePreset.MicroVm ? [new()] : [new(), new()];
        var configuration = new MachineConfiguration(_name, _preset, _memoryBytes, _cpuCount, _cpuModel.Name);
        var board = new PlatformBoard(configuration, context, ports, mmio, router, new A20Gate(memory), serialPorts, _debugConsole, _hasPci, firmware);
        foreach (var attach in _devices)
        {
            attach(context);
        }

        board.FinishPci(context);

        owned.AddRange(context.Owned);
        var engine = EngineChoice.Create(_engine, () => RecompilerFactory(EffectiveRecompilerOptions), logger, _name);
        if (engine is not null)
        {
            owned.Add(engine);
        }

        var cpus = new List<IMachineCpu>();
        for (var index = 0; index < _cpuCount; index++)
        {
            cpus.Add(Own(owned, CreateCpu(index, context, board, ports, mmio, memory, engine, apicId => Kick(cpus, apicId))));
        }

        board.A20.Cpus = cpus;
        var parts = new MachineParts
        {
            Configuration = configuration,
            Recompiler = engine as Recompiler,
            Engine = engine is null ? ExecutionEngine.Interpreter : ExecutionEngine.Recompiler,
            Logger = logger,
            DeviceLock = deviceLock,
            Memory = memory,
            Clock = clock,
            Events = events,
            Power = power,
            Failures = failures,
            Cpus = cpus,
            Devices = context.Units,
            Disks = new SnapshotDisks(context.Disks),
            PowerManagement = board.PowerManagement,
            Pci = board.Pci,
            Resynchronise = router.Resync,
            Loader = _loader,
            BootContext = new BootContext(memory, MemoryLayout.CreateMap(_memoryBytes, _hasPci))
            {
                RsdpGpa = firmware is null ? AcpiTables.DefaultAddress : 0,
                HasShadowedRom = firmware is not null,
            },
            AcpiTables = board.CreateAcpiTables(_cpuCount),
            Owned = owned,
        };
        parts.PowerOn();
        return CreateMachine(parts, serialPorts, owned);
    }

    private FirmwareBoard? AddRam(GuestMemory memory)
    {
        if (_preset == MachinePreset.I440Fx)
        {
            return new FirmwareBoard(MemoryLayout.AddShadowedRam(memory, _memoryBytes, _loader!.ShadowedImage.Span), _firmware);
        }

        MemoryLayout.AddRam(memory, _memoryBytes);
        return null;
    }

    /// <summary>Two runs under a deterministic scheduler are one, on whatever host.</summary>
    private RecompilerOptions EffectiveRecompilerOptions =>
        _scheduler is DeterministicScheduler ? _recompilerOptions with { InterpretsApproximations = true } : _recompilerOptions;

    private static void Kick(List<IMachineCpu> cpus, uint apicId)
    {
        if (apicId < cpus.Count)
        {
            cpus[(int)apicId].SignalKick();
        }
    }

    /// <summary>The one look at the host's wall clock: where guest time begins, and again after pauses, unless the host program says so.</summary>
#pragma warning disable RS0030
    private static DateTimeOffset HostTime() => DateTimeOffset.UtcNow;
#pragma warning restore RS0030

    private static long ToNs(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks * 100;

    private IMachineCpu CreateCpu(
        int index,
        DeviceContext context,
        PlatformBoard board,
        PortBus ports,
        MmioBus mmio,
        GuestMemory memory,
        ExecutionEngineProvider? engine,
        Action<uint> kick)
    {
        var apic = new LocalApic((uint)index, index == 0, board.Apics, context.Clock);
        context.AddStateUnit(apic);
        var tsc = new TscRelay(CpuPlan.TscFrequencyHz);
        var paravirt = new KvmParavirt(index, memory, context.Clock, tsc, kick);
        context.AddStateUnit(paravirt);
        var cpu = CpuFactory(new CpuPlan
        {
            Index = index,
            CpuCount = _cpuCount,
            Model = _cpuModel,
            Memory = memory,
            Engine = engine,
            ExactBudget = _exactBudget || _scheduler is DeterministicScheduler,
            PortIo = ports,
            MmioPort = mmio,
            Clock = context.Clock,
            Entropy = _entropy,
            LocalApic = apic,
            Paravirt = paravirt,
            FerrChanged = level =>
            {
                lock (context.DeviceLock)
                {
                    board.CoprocessorError.SetFerr(level);
                }
            },
        });
        tsc.Target = cpu.Tsc;
        apic.Connect(cpu, cpu.Tsc);
        return cpu;
    }

    private VirtualMachine CreateMachine(MachineParts parts, SerialPort[] serialPorts, List<IDisposable> owned)
    {
        var scheduler = _scheduler ?? Own(owned, new ThreadPerVcpuScheduler());

        // Disposed in the reverse order of creation: who uses something goes before it.
        owned.Reverse();
        var schedule = scheduler.AddMachine(_name, _share);
        var machine = new VirtualMachine(parts, schedule, serialPorts);
        if (_gdb is not null)
        {
            try
            {
                machine.ServeGdb(_gdb);
            }
            catch
            {
                schedule.Dispose();
                throw;
            }
        }

        return machine;
    }

    private static T Own<T>(List<IDisposable> owned, T disposable)
        where T : IDisposable
    {
        owned.Add(disposable);
        return disposable;
    }
}
