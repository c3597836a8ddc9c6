using Microsoft.Extensions.Logging;

namespace Vivarium;

/// <content>What the guest and its processors ask of the machine, and failures.</content>
public sealed partial class VirtualMachine
{
    /// <summary>
    /// A request and the stop of the processors that comes with it are one: were it taken between the two, whoever took it might let them go on, and
    /// the stop that comes late would be nobody's.
    /// </summary>
    private readonly Lock _requesting = new();
    private volatile PowerRequest? _request;

    [LoggerMessage(Level = LogLevel.Information, Message = "Machine '{Name}' was reset.")]
    private static partial void LogReset(ILogger logger, string name);

    [LoggerMessage(Level = LogLevel.Information, Message = "Machine '{Name}' ended: {Kind}, code {ExitCode}.")]
    private static partial void LogEnded(ILogger logger, string name, ShutdownKind kind, int exitCode);

    [LoggerMessage(Level = LogLevel.Error, Message = "Machine '{Name}' failed.")]
    private static partial void LogFailed(ILogger logger, string name, Exception exception);

    /// <summary>On any thread, perhaps with the device lock held: stops the processors without waiting and leaves the rest to another thread.</summary>
    private void OnPowerRequest(PowerRequest request)
    {
        // The first one counts until it has been carried out, in whatever state the machine is then: a guest that hammers the reset port
        // queues nothing, and one that the host pauses at the same moment loses nothing.
        lock (_requesting)
        {
            if (_request is not null)
            {
                return;
            }

            _request = request;
            foreach (var vcpu in _vcpus)
            {
                _ = vcpu.PauseAsync();
            }
        }

        // This is a vCPU's thread with the device lock held: another has to wait for the vCPUs.
#pragma warning disable RS0030
        _ = Task.Run(CarryOutRequestAsync);
#pragma warning restore RS0030
    }

    private PowerRequest? TakeRequest()
    {
        lock (_requesting)
        {
            var request = _request;
            _request = null;
            return request;
        }
    }

    /// <summary>A processor's wish to pause that is not carried out yet is fulfilled, or a debugger has seen its reason.</summary>
    private void ForgetPauseRequest()
    {
        lock (_requesting)
        {
            _request = _request is { Kind: PowerRequestKind.Pause } ? null : _request;
        }
    }

    private async Task CarryOutRequestAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            var request = TakeRequest();
            if (request is null || _state == MachineState.Stopped)
            {
                return;
            }

            switch (request.Kind)
            {
                case PowerRequestKind.End:
                    await EndAsync(request.Reason!).ConfigureAwait(false);
                    break;
                case PowerRequestKind.Reset:
                    await ResetCoreAsync().ConfigureAwait(false);
                    break;
                case PowerRequestKind.Pause when _state == MachineState.Running:
                    await HaltAsync().ConfigureAwait(false);
                    ChangeState(MachineState.Paused);
                    break;
            }
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>A defect: the machine ends, and whoever waits for its end gets the exception. Any thread.</summary>
    private void Fail(Exception exception)
    {
        LogFailed(_parts.Logger, Configuration.Name, exception);
        _shutdown.TrySetException(new VirtualMachineException(
            $"The machine '{Configuration.Name}' failed by a defect of Vivarium or of a device added to it: {exception.Message}", exception));
        OnPowerRequest(new PowerRequest(PowerRequestKind.End, new ShutdownReason(ShutdownKind.Stopped)));
    }

    private sealed class Observer(VirtualMachine machine) : IVcpuObserver
    {
        public void OnStopped(IVcpu vcpu, VcpuExit exit)
        {
            if (exit.Reason == VcpuExitReason.Shutdown && machine._haltsAtTripleFault is false)
            {
                machine.OnPowerRequest(new PowerRequest(PowerRequestKind.End, new ShutdownReason(ShutdownKind.TripleFault)));
                return;
            }

            // The debugger may have seen this stop before this thread came here. If it lets the machine go on it ends the stop first and forgets
            // requests then: one that is made of a stop not yet over is forgotten.
            lock (machine._requesting)
            {
                if (exit.Reason == VcpuExitReason.Shutdown || vcpu is not X86MachineCpu { Cpu.IsDebugStopOver: true })
                {
                    machine.OnPowerRequest(new PowerRequest(PowerRequestKind.Pause, null));
                }
            }
        }

        public void OnFailed(IVcpu vcpu, Exception exception) => machine.Fail(exception);
    }
}
