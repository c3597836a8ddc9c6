namespace Vivarium.X86;

/// <content>Budgets that are kept to the instruction.</content>
public sealed unsafe partial class X86Cpu
{
    /// <summary>By how much engines may exceed a budget: the last block begins while one instruction is left.</summary>
    private const int MaxExcess = BlockDecoder.MaxInstructions - 1;

    /// <summary>What a fault counts towards <see cref="MaxStalled"/>, by the time it takes.</summary>
    private const int FaultStall = 64;

    /// <summary>Steps without an instruction that completes after which a run of an exact budget ends early.</summary>
    private const long MaxStalled = 1 << 24;

    /// <summary>Steps since an instruction completed. Kept from run to run, so that where the host cuts a run changes nothing.</summary>
    private long _stalled;

    /// <summary>Executes blocks of an engine while none can be longer than the budget, and the rest block by block, the last one shortened.</summary>
    private long ExecuteExactly(IExecutionEngine engine, long left) =>
        left > MaxExcess ? engine.Execute(left - MaxExcess) + MaxExcess : _interpreter.ExecuteWithin(left);

    /// <summary>Charges the budget for what did not complete; an exact one is given up only when that goes on for long.</summary>
    private void Charge(int steps, int stall, ref long left)
    {
        if (!_core.HasExactBudget)
        {
            left -= steps;
            return;
        }

        _stalled += stall;
        if (_stalled >= MaxStalled)
        {
            _stalled = 0;
            left = 0;
        }
    }
}
