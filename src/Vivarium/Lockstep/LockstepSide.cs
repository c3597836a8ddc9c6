using Vivarium.Scheduling;

namespace Vivarium;

/// <summary>One of the two machines: it runs from one point of guest time to the next and stands there.</summary>
internal sealed class LockstepSide : IAsyncDisposable
{
    private readonly DeterministicScheduler _scheduler;
    private readonly IVmTimer _timer;
    private TaskCompletionSource<Task> _paused = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public LockstepSide(VirtualMachineBuilder builder, ExecutionEngine engine, LockstepOptions options, ICharacterSink console)
    {
        _scheduler = new DeterministicScheduler(options.SliceInstructions);
        try
        {
            Machine = builder.WithEngine(engine).WithScheduler(_scheduler).WithWallClock(options.Start).WithEntropy(new SeededEntropy(options.Seed)).Build();
        }
        catch
        {
            _scheduler.Dispose();
            throw;
        }

        Machine.Console.RedirectTo(console);
        _timer = Machine.Clock.CreateTimer(() =>
        {
            Machine.HoldProcessors();
            _paused.TrySetResult(Machine.PauseAsync());
        });
    }

    public VirtualMachine Machine { get; }

    public long Instructions => Machine.Usage.Sum(usage => usage.Instructions);

    /// <summary>Runs up to a point of guest time. False if the guest has ended before.</summary>
    public async Task<bool> RunToAsync(long ns, CancellationToken cancellationToken)
    {
        _paused = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);
        _timer.Arm(ns);
        await (Machine.State == MachineState.Created ? Machine.StartAsync(cancellationToken) : Machine.ResumeAsync(cancellationToken)).ConfigureAwait(false);
        var shutdown = Machine.WaitForShutdownAsync(cancellationToken);
        if (await Task.WhenAny(shutdown, _paused.Task).ConfigureAwait(false) == shutdown)
        {
            await shutdown.ConfigureAwait(false);
            return false;
        }

        try
        {
            await (await _paused.Task.ConfigureAwait(false)).ConfigureAwait(false);
            return true;
        }
        catch (InvalidOperationException) when (Machine.State == MachineState.Stopped)
        {
            // The guest had asked for its end already.
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _timer.Dispose();
        await Machine.DisposeAsync().ConfigureAwait(false);
        _scheduler.Dispose();
    }
}
