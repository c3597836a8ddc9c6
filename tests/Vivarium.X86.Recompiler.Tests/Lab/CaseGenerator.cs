using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>Makes a case from a seed: a state, and a program of up to some thirty instructions from the catalogue.</summary>
internal sealed partial class CaseGenerator
{
    private const int MostDefiners = 60;

    /// <summary>Weights of the kinds, in their order, of which a case takes one row.</summary>
    private static readonly int[][] s_themes =
    [
        [40, 8, 6, 3, 10, 12, 14, 3, 4, 2], [80, 0, 0, 0, 2, 5, 10, 3, 0, 0], [30, 60, 0, 0, 2, 2, 6, 0, 0, 0], [20, 4, 66, 4, 0, 2, 4, 0, 0, 0], [20, 0, 0, 0, 60, 6, 12, 2, 0, 0],
        [30, 0, 0, 0, 5, 45, 18, 2, 0, 0], [20, 10, 20, 46, 0, 0, 4, 0, 0, 0], [60, 0, 0, 0, 0, 4, 33, 3, 0, 0], [70, 25, 0, 0, 0, 5, 0, 0, 0, 0], [20, 16, 0, 0, 0, 0, 4, 0, 60, 0],
        [36, 6, 2, 0, 6, 10, 10, 2, 0, 28],
    ];

    private const int MostHostSteps = 12;

    private readonly Random _random;
    private readonly bool _forHost;
    private readonly LabMode _mode;
    private readonly int _bits;
    private readonly EdgeValues _values;
    private readonly OperandBuilder _operands;
    private readonly MemoryOperandBuilder _memory;
    private readonly InstructionCatalogue _catalogue;
    private readonly BranchCatalogue _branches;
    private readonly List<LabStep> _steps = [];

    private CaseGenerator(Random random, bool forHost)
    {
        _random = random;
        _forHost = forHost;
        _mode = forHost ? LabMode.User64 : random.Next(10) switch { < 4 => LabMode.User64, < 7 => LabMode.Kernel64, 7 => LabMode.Kernel32, _ => LabMode.User32 };
        _bits = _mode.Bits();
        _values = new EdgeValues(random, _bits) { IsCareful = random.Next(3) != 0, ForHost = forHost };
        _memory = new MemoryOperandBuilder(random, _bits, _values, _bits == 64 ? 15 : 3, instruction => Add(instruction));
        _operands = new OperandBuilder(random, _bits, _values, _memory.WithMemory);
        _catalogue = forHost ? HostDifferences.Instructions : _bits == 64 ? InstructionCatalogue.For64 : InstructionCatalogue.For32;
        _branches = _bits == 64 ? BranchCatalogue.For64 : BranchCatalogue.For32;
    }

    /// <param name="seed">Makes the case.</param>
    /// <param name="forHost">The host's processor must be able to run it as user code.</param>
    public static LabCase Create(int seed, bool forHost = false)
    {
        var random = new Random(seed);
        while (true)
        {
            if (new CaseGenerator(random, forHost).TryCreate(seed) is { } made)
            {
                return made;
            }
        }
    }

    private LabCase? TryCreate(int seed)
    {
        var state = StateGenerator.Create(_random, _mode, _values, _memory, _operands.Reserved);
        var weights = s_themes[_random.Next(s_themes.Length)];
        var length = _random.Next(1, _forHost ? MostHostSteps : _random.Next(4) == 0 ? 40 : 14);
        while (_steps.Count < length)
        {
            AddOne(weights);
        }

        for (var i = 0; i < _steps.Count; i++)
        {
            _steps[i] = _steps[i] with { Target = Math.Min(_steps[i].Target, _steps.Count) };
        }

        var made = new LabCase { Seed = seed, Mode = _mode, Offset = CodeOffset(), Steps = [.. _steps], State = state, ForHost = _forHost };
        for (var i = 0; i < MostDefiners && made.Program is { } program && program.Instructions.Count == made.Steps.Count + 1; i++)
        {
            if (program.FirstUndefinedRead < 0)
            {
                return _forHost && _random.Next(3) == 0 ? Mutated(made) : made;
            }

            made = made.With(Insert(made.Steps, program.FirstUndefinedRead, Definer()));
        }

        return null;
    }

    /// <summary>Some of the instructions in encodings that no assembler would choose.</summary>
    private LabCase? Mutated(LabCase made)
    {
        var mutator = new EncodingMutator(_random, _catalogue.Contains);
        var mutated = made.With(made.Steps.Select(step => _random.Next(3) == 0 ? mutator.Mutate(step) : step).ToList());
        return mutated.Program is null ? null : mutated;
    }

    private int CodeOffset() => _random.Next(10) switch
    {
        < 4 => 0,
        < 7 => 0x1000 - _random.Next(1, 150),
        7 => 0x2000 - _random.Next(1, 150),
        _ => _random.Next(0x600),
    };

    private void AddOne(int[] weights)
    {
        var ticket = _random.Next(weights.Sum());
        var kind = InstructionKind.Integer;
        while (ticket >= weights[(int)kind])
        {
            ticket -= weights[(int)kind++];
        }

        kind = kind == InstructionKind.System && _forHost ? InstructionKind.Integer : kind;
        switch (kind)
        {
            case InstructionKind.Stack: AddStack(); break;
            case InstructionKind.Branch: AddBranch(); break;
            case InstructionKind.String: AddString(); break;
            case InstructionKind.System: AddSystem(); break;
            case InstructionKind.Integer when _random.Next(12) == 0: AddSpecialInteger(); break;
            case InstructionKind.X87 when _random.Next(16) == 0: AddCompareToFlags(); break;
            default:
                var instruction = _operands.Build(_catalogue.Pick(kind, _random));
                Prepare(instruction);
                Add(instruction);
                break;
        }
    }

    private void Add(Instruction instruction, int target = -1)
    {
        _memory.Track(instruction);
        _steps.Add(new LabStep(instruction, target));
    }

    /// <summary>Something that leaves all flags defined.</summary>
    private Instruction Definer() => Instruction.Create(Code.Cmp_rm32_imm8, Register.EAX + _random.Next(8), _random.Next(-128, 128));

    /// <summary>Puts an instruction before a step; what leads to that step leads to the new one.</summary>
    private static List<LabStep> Insert(IReadOnlyList<LabStep> steps, int index, Instruction instruction)
    {
        var result = steps.Select(step => step.Target > index ? step with { Target = step.Target + 1 } : step).ToList();
        result.Insert(index, new LabStep(instruction));
        return result;
    }
}
