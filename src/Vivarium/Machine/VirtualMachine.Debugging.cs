using Vivarium.Debugging;
using Vivarium.X86;

namespace Vivarium;

/// <content>Debuggers.</content>
public sealed partial class VirtualMachine
{
    private readonly Lock _debugging = new();
    private GdbServer? _gdbServer;
    private volatile bool _holdsAtStart;
    private volatile bool _haltsAtTripleFault;

    /// <summary>The server that <see cref="ServeGdb"/> or the builder started last; null if none was.</summary>
    public GdbServer? GdbServer
    {
        get
        {
            lock (_debugging)
            {
                return _gdbServer;
            }
        }
    }

    /// <summary>
    /// Listens for gdb from now on, until the server or the machine is disposed. While a client is connected it is the client that pauses the
    /// machine and lets it go on. A client that lets it go on before it was started does not start it.
    /// </summary>
    /// <param name="options">Where to listen, and whether a machine that is started waits for a client, which is the default.</param>
    /// <exception cref="InvalidOperationException">The machine has ended, or is served already.</exception>
    /// <exception cref="IOException">The address cannot be had, for one because another program listens there.</exception>
    public GdbServer ServeGdb(GdbServerOptions? options = null)
    {
        lock (_debugging)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_state == MachineState.Stopped)
            {
                throw new InvalidOperationException($"The machine '{Configuration.Name}' has ended; there is nothing to debug.");
            }

            if (_gdbServer is { IsListening: true })
            {
                throw new InvalidOperationException(
                    $"gdb is served for the machine '{Configuration.Name}' already, at {_gdbServer.EndPoint}; dispose that server first.");
            }

            options ??= new GdbServerOptions();
            _gdbServer = Debugging.GdbServer.Start(new DebuggedMachine(this), options, _parts.Logger);
            _holdsAtStart = options.StartsHalted;
            return _gdbServer;
        }
    }

    /// <summary>The processors themselves, for who looks at them while the machine is paused.</summary>
    /// <exception cref="InvalidOperationException">They are of another make.</exception>
    internal IEnumerable<X86Cpu> Processors => _parts.Cpus.Select(cpu => (cpu as X86MachineCpu)?.Cpu
        ?? throw new InvalidOperationException("Only machines with x86 processors of this library can be debugged or compared."));

    /// <summary>Ends the machine under a debugger that is connected, which is told so, before its processors go.</summary>
    private async Task EndDebuggingAsync()
    {
        if (GdbServer is not { } server)
        {
            return;
        }

        using (await TakeTurnAsync(CancellationToken.None).ConfigureAwait(false))
        {
            await EndAsync(new ShutdownReason(ShutdownKind.Disposed)).ConfigureAwait(false);
        }

        await server.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>The machine as debuggers see it.</summary>
    private sealed class DebuggedMachine : IDebuggedMachine
    {
        private readonly VirtualMachine _machine;

        public DebuggedMachine(VirtualMachine machine)
        {
            _machine = machine;
            Processors = [.. machine.Processors];
            machine.StateChanged += (_, _) => StateChanged?.Invoke(this, EventArgs.Empty);
        }

        public event EventHandler? StateChanged;

        public IReadOnlyList<X86Cpu> Processors { get; }

        public DebuggedState State => _machine._state switch
        {
            MachineState.Running => DebuggedState.Running,
            MachineState.Stopped => DebuggedState.Ended,
            _ => DebuggedState.Halted,
        };

        public int ExitCode => _machine._shutdown.Task is { IsCompletedSuccessfully: true } task ? task.Result.ExitCode : 0;

        public bool HaltsAtTripleFault
        {
            get => _machine._haltsAtTripleFault;
            set => _machine._haltsAtTripleFault = value;
        }

        public async Task HaltAsync()
        {
            using var turn = await _machine.TakeTurnAsync(CancellationToken.None).ConfigureAwait(false);
            if (_machine._state == MachineState.Created)
            {
                _machine._holdsAtStart = true;
            }
            else if (_machine._state == MachineState.Running)
            {
                await _machine.HaltAsync().ConfigureAwait(false);
                _machine.ChangeState(MachineState.Paused);
            }

            _machine.ForgetPauseRequest();
        }

        public async Task ResumeAsync()
        {
            using var turn = await _machine.TakeTurnAsync(CancellationToken.None).ConfigureAwait(false);
            _machine.ForgetPauseRequest();
            if (_machine._state == MachineState.Created)
            {
                _machine._holdsAtStart = false;
            }
            else if (_machine._state == MachineState.Paused)
            {
                _machine.Run();
            }
        }

        public async Task EndAsync()
        {
            using var turn = await _machine.TakeTurnAsync(CancellationToken.None).ConfigureAwait(false);
            await _machine.EndAsync(new ShutdownReason(ShutdownKind.Stopped)).ConfigureAwait(false);
        }

        public async Task ResetAsync()
        {
            using var turn = await _machine.TakeTurnAsync(CancellationToken.None).ConfigureAwait(false);
            if (_machine._state != MachineState.Stopped)
            {
                await _machine.ResetCoreAsync().ConfigureAwait(false);
            }
        }
    }
}
