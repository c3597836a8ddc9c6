using Microsoft.Extensions.Logging;
using Vivarium.Memory;
using Vivarium.X86;

namespace Vivarium;

/// <summary>
/// A virtual machine. Built by <see cref="VirtualMachineBuilder"/>; all members may be called from any thread. Calls that change its state
/// take turns, and a guest's own power-off or reset takes its turn among them.
/// </summary>
public sealed partial class VirtualMachine : IAsyncDisposable
{
    private readonly MachineParts _parts;
    private readonly IVmSchedule _schedule;
    private readonly IVcpuSchedule[] _vcpus;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly TaskCompletionSource<ShutdownReason> _shutdown = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile MachineState _state = MachineState.Created;
    private bool _disposed;

    internal VirtualMachine(MachineParts parts, IVmSchedule schedule, IReadOnlyList<SerialPort> serialPorts)
    {
        _parts = parts;
        _schedule = schedule;
        SerialPorts = serialPorts;
        _vcpus = [.. parts.Cpus.Select(cpu => cpu.Schedule = schedule.AddVcpu(cpu, new Observer(this)))];
        parts.Power.Requested = OnPowerRequest;
        parts.Failures.Failed = Fail;
    }

    /// <summary>Raised after the state changed, in the order of the changes, on a thread of the pool or the caller's.</summary>
    public event EventHandler<MachineState>? StateChanged;

    /// <summary>Raised after the guest or the host reset the machine.</summary>
    public event EventHandler? WasReset;

    /// <summary>How it was built.</summary>
    public MachineConfiguration Configuration => _parts.Configuration;

    /// <summary>What executes its guest's code: the interpreter or the recompiler, never <see cref="ExecutionEngine.Auto"/>.</summary>
    public ExecutionEngine Engine => _parts.Engine;

    /// <summary>What the recompiler did so far, null on the interpreter. Exact while the machine is paused.</summary>
    public RecompilerReport? GetRecompilerReport() => _parts.Recompiler?.GetReport();

    /// <summary>What it is doing now.</summary>
    public MachineState State => _state;

    /// <summary>Guest-physical memory. Reading and writing it while the guest runs is as a device's DMA.</summary>
    public GuestMemory Memory => _parts.Memory;

    /// <summary>Guest time.</summary>
    public IVmClock Clock => _parts.Clock;

    /// <summary>The door for events from outside: actions run with the device lock held.</summary>
    public IVmEventQueue Events => _parts.Events;

    /// <summary>The serial ports, COM1 first.</summary>
    public IReadOnlyList<SerialPort> SerialPorts { get; }

    /// <summary>COM1: the console of most guests.</summary>
    public SerialPort Console => SerialPorts[0];

    /// <summary>The share of processor time; may be set at any time.</summary>
    public VmShare Share
    {
        get => _schedule.Share;
        set => _schedule.Share = value;
    }

    /// <summary>How each vCPU spent its time.</summary>
    public IReadOnlyList<VcpuUsage> Usage => [.. _vcpus.Select(vcpu => vcpu.Usage)];

    /// <summary>Starts the guest, or pauses the machine at its first instruction if a debugger is to come first (<see cref="ServeGdb"/>).</summary>
    /// <exception cref="InvalidOperationException">It was started before.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        using var turn = await TakeTurnAsync(cancellationToken).ConfigureAwait(false);
        Require(MachineState.Created, "started");
        if (_holdsAtStart)
        {
            ChangeState(MachineState.Paused);
        }
        else
        {
            Run();
        }
    }

    /// <summary>Stops processors, timers and the clock at instruction boundaries. Does nothing if it is paused already.</summary>
    /// <exception cref="InvalidOperationException">It does not run.</exception>
    public async Task PauseAsync(CancellationToken cancellationToken = default)
    {
        using var turn = await TakeTurnAsync(cancellationToken).ConfigureAwait(false);
        if (_state != MachineState.Paused)
        {
            Require(MachineState.Running, "paused");
            await HaltAsync().ConfigureAwait(false);
            ChangeState(MachineState.Paused);
        }
    }

    /// <summary>
    /// Lets a paused machine go on. The guest's clocks go on where they stood, all but the battery clock (RTC), which shows the host's time unless
    /// <see cref="VirtualMachineBuilder.WithWallClock"/> was called: <c>hwclock --hctosys</c> sets a Linux guest's time right.
    /// </summary>
    /// <exception cref="InvalidOperationException">It is not paused.</exception>
    public async Task ResumeAsync(CancellationToken cancellationToken = default)
    {
        using var turn = await TakeTurnAsync(cancellationToken).ConfigureAwait(false);
        Require(MachineState.Paused, "resumed");
        Run();
    }

    /// <summary>Presses the reset button: the guest boots anew from its boot loader's images. A paused machine stays paused.</summary>
    /// <exception cref="InvalidOperationException">It has ended.</exception>
    public async Task ResetAsync(CancellationToken cancellationToken = default)
    {
        using var turn = await TakeTurnAsync(cancellationToken).ConfigureAwait(false);
        await ResetCoreAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// Presses the power button: a guest whose operating system listens shuts down and ends with <see cref="ShutdownKind.GuestPowerOff"/>, which takes
    /// its time or never happens; <see cref="StopAsync"/> is certain. Takes effect when the machine runs.
    /// </summary>
    /// <remarks>The fixed power button of ACPI 6.5 §4.8.2.2: PM1 status bit 8 and a system control interrupt.</remarks>
    public void PressPowerButton() => Events.Post(_parts.PowerManagement.PressPowerButton);

    /// <summary>Pulls the plug. Does nothing if it has ended already.</summary>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        using var turn = await TakeTurnAsync(cancellationToken).ConfigureAwait(false);
        await EndAsync(new ShutdownReason(ShutdownKind.Stopped)).ConfigureAwait(false);
    }

    /// <summary>Waits until the machine has ended and says why.</summary>
    /// <exception cref="VirtualMachineException">A defect ended it.</exception>
    public Task<ShutdownReason> WaitForShutdownAsync(CancellationToken cancellationToken = default) => _shutdown.Task.WaitAsync(cancellationToken);

    /// <summary>Ends the machine and frees its memory.</summary>
    public async ValueTask DisposeAsync()
    {
        await EndDebuggingAsync().ConfigureAwait(false);
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            await EndAsync(new ShutdownReason(ShutdownKind.Disposed)).ConfigureAwait(false);
            _schedule.Dispose();
            foreach (var owned in _parts.Owned)
            {
                owned.Dispose();
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    private void Run()
    {
        lock (_parts.DeviceLock)
        {
            foreach (var unit in _parts.Units)
            {
                unit.Start();
            }
        }

        _parts.Events.Start();
        ChangeState(MachineState.Running);
        if (_request is not null)
        {
            // A guest that asked for its end or a reset executes nothing before it is carried out.
            return;
        }

        foreach (var vcpu in _vcpus)
        {
            vcpu.Resume();
        }
    }

    /// <summary>
    /// From a timer or event, under a deterministic scheduler: no processor executes another instruction before the pause that is asked for next,
    /// whoever's turn comes before it.
    /// </summary>
    internal void HoldProcessors()
    {
        foreach (var vcpu in _vcpus)
        {
            _ = vcpu.PauseAsync();
        }
    }

    private async Task HaltAsync()
    {
        await Task.WhenAll(_vcpus.Select(vcpu => vcpu.PauseAsync())).ConfigureAwait(false);
        lock (_parts.DeviceLock)
        {
            _parts.Events.Stop();
            foreach (var unit in _parts.Units.Reverse())
            {
                unit.Stop();
            }
        }
    }

    private async Task ResetCoreAsync()
    {
        var wasRunning = _state == MachineState.Running;
        if (_state == MachineState.Stopped)
        {
            Require(MachineState.Running, "reset");
        }

        if (wasRunning)
        {
            await HaltAsync().ConfigureAwait(false);
        }

        _parts.PowerOn();
        LogReset(_parts.Logger, Configuration.Name);
        if (wasRunning)
        {
            Run();
        }

        WasReset?.Invoke(this, EventArgs.Empty);
    }

    private async Task EndAsync(ShutdownReason reason)
    {
        if (_state == MachineState.Stopped)
        {
            return;
        }

        if (_state == MachineState.Running)
        {
            await HaltAsync().ConfigureAwait(false);
        }

        foreach (var port in SerialPorts)
        {
            port.Complete();
        }

        LogEnded(_parts.Logger, Configuration.Name, reason.Kind, reason.ExitCode);
        ChangeState(MachineState.Stopped);
        _shutdown.TrySetResult(reason);
    }

    private void ChangeState(MachineState state)
    {
        _state = state;
        StateChanged?.Invoke(this, state);
    }

    private void Require(MachineState required, string verb)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_state != required)
        {
            throw new InvalidOperationException($"The machine '{Configuration.Name}' is {_state} and cannot be {verb}; it must be {required}.");
        }
    }

    private async Task<Turn> TakeTurnAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        return new Turn(_turn);
    }

    private readonly struct Turn(SemaphoreSlim semaphore) : IDisposable
    {
        public void Dispose() => semaphore.Release();
    }
}
