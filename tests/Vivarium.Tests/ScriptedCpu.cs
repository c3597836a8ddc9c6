namespace Vivarium.Tests;

/// <summary>A processor whose program is a delegate: the machine around it is tested without x86. Its state is one number.</summary>
internal sealed class ScriptedCpu(CpuPlan plan, Func<ScriptedCpu, VcpuExitReason> program) : IMachineCpu, ITscSource
{
    private volatile bool _stop;
    private volatile bool _signalled;

    public CpuPlan Plan { get; } = plan;

    /// <summary>What the program keeps between its calls; saved and restored.</summary>
    public long Register { get; set; }

    public CpuStartState? StartState { get; private set; }

    public int Resets { get; private set; }

    public int Index => Plan.Index;

    public bool HasWork => _signalled;

    public IVcpuWaker? Waker { get; set; }

    public ITscSource Tsc => this;

    public bool IsA20Open { get; set; } = true;

    public IVcpuSchedule? Schedule { get; set; }

    public ulong FrequencyHz => 1_000_000_000;

    public string StateName => $"cpu{Index}";

    public VcpuExit Run(long instructionBudget)
    {
        if (_stop)
        {
            _stop = false;
            return new VcpuExit(VcpuExitReason.Stopped, 0);
        }

        _signalled = false;
        return new VcpuExit(program(this), 1);
    }

    public void RequestStop() => _stop = true;

    public void SignalInterrupt() => Signal();

    public void SignalNmi() => Signal();

    public void SignalInit() => Signal();

    public void SignalStartup(byte vector) => Signal();

    public void SignalKick() => Signal();

    public ulong TscAt(long guestNs) => (ulong)guestNs;

    public long GuestNsAt(ulong tsc) => (long)tsc;

    public void Reset()
    {
        Register = 0;
        Resets++;
    }

    public void Start(CpuStartState state) => StartState = state;

    public void Save(StateWriter writer) => writer.Write(1, Register);

    public void Restore(StateReader reader)
    {
        Register = reader.ReadInt64(1);
        if (Register < 0)
        {
            throw reader.Invalid(1);
        }
    }

    public void Dispose()
    {
    }

    private void Signal()
    {
        _signalled = true;
        Waker?.Wake();
    }
}
