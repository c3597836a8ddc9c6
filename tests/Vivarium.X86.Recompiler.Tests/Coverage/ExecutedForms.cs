namespace Vivarium.X86.Tests;

/// <summary>The forms that the lab's generators make, and that are executed in cases that are compared: fixed seeds, each case traced on the interpreter.</summary>
internal sealed class ExecutedForms
{
    private readonly HashSet<InstructionForm> _forms = [];

    private ExecutedForms()
    {
    }

    public int Cases { get; private set; }

    public bool Contains(InstructionForm form) => _forms.Contains(form);

    /// <summary>Of the cases that the host's processor is asked about.</summary>
    public static ExecutedForms OnHost(int seeds)
    {
        using var comparison = new HostComparison(static () => null);
        using var machine = new LabMachine(static () => null, likeHost: true, isExact: true);
        var executed = new ExecutedForms();
        for (var seed = 1; seed <= seeds; seed++)
        {
            var made = CaseGenerator.Create(seed, forHost: true);
            var state = HostMachine.Adapt(made.State);
            if (comparison.IsForHosts(made.Program!, state, isIntel: false))
            {
                executed.Add(machine, made.Program!, state);
            }
        }

        return executed;
    }

    /// <summary>Of the cases that the recompiler and the interpreter run: made of instructions, and of random bytes in each mode.</summary>
    public static ExecutedForms OnInterpreter(int seeds, int byteSeeds)
    {
        using var comparison = new LabComparison(static () => null, static () => null);
        using var machine = new LabMachine(static () => null, isExact: true);
        var executed = new ExecutedForms();
        for (var seed = 1; seed <= seeds; seed++)
        {
            var made = CaseGenerator.Create(seed);
            if (comparison.IsComparable(made.Program!, made.State, out _))
            {
                executed.Add(machine, made.Program!, made.State);
            }
        }

        foreach (var mode in Enum.GetValues<LabMode>())
        {
            for (var seed = 1; seed <= byteSeeds; seed++)
            {
                if (RandomBytes.TryCreate(mode, seed) is var (program, state) && comparison.IsComparable(program, state, out _))
                {
                    executed.Add(machine, program, state);
                }
            }
        }

        return executed;
    }

    private void Add(LabMachine machine, LabProgram program, LabState state)
    {
        Cases++;
        machine.Run(program, state, slice: 1, rip => Note(program, rip));
    }

    private void Note(LabProgram program, ulong rip)
    {
        // Without one at the address it is a default instruction, which has no code.
        if (program.At(rip) is { Length: > 0, IsInvalid: false } instruction)
        {
            _forms.Add(InstructionForm.Of(instruction));
        }
    }
}
