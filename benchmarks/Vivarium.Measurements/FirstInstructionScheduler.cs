namespace Vivarium.Measurements;

/// <summary>Another scheduler, and a word when the first guest instruction has been executed.</summary>
internal sealed class FirstInstructionScheduler(IVcpuScheduler inner) : IVcpuScheduler
{
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task FirstInstruction => _first.Task;

    public IVmSchedule AddMachine(string name, VmShare share) => new Machine(inner.AddMachine(name, share), _first);

    public void Dispose() => inner.Dispose();

    private sealed class Machine(IVmSchedule inner, TaskCompletionSource first) : IVmSchedule
    {
        public VmShare Share
        {
            get => inner.Share;
            set => inner.Share = value;
        }

        public IVcpuSchedule AddVcpu(IVcpu vcpu, IVcpuObserver observer) => inner.AddVcpu(new Vcpu(vcpu, first), observer);

        public void Dispose() => inner.Dispose();
    }

    private sealed class Vcpu(IVcpu inner, TaskCompletionSource first) : IVcpu
    {
        private bool _hasRun;

        public int Index => inner.Index;

        public bool HasWork => inner.HasWork;

        public IVcpuWaker? Waker
        {
            get => inner.Waker;
            set => inner.Waker = value;
        }

        public VcpuExit Run(long instructionBudget)
        {
            if (_hasRun)
            {
                return inner.Run(instructionBudget);
            }

            _hasRun = true;
            var exit = inner.Run(1);
            if (exit.Instructions > 0)
            {
                first.TrySetResult();
            }

            return exit;
        }

        public void RequestStop() => inner.RequestStop();
    }
}
