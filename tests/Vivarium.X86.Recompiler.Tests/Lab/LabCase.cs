using System.Text;
using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>One instruction of a case.</summary>
/// <param name="Instruction">What it is.</param>
/// <param name="Target">The step that its branch leads to, −1 if it is none.</param>
/// <param name="Encoding">Its bytes, where the assembler would choose others.</param>
internal readonly record struct LabStep(Instruction Instruction, int Target = -1, byte[]? Encoding = null);

/// <summary>A program as instructions, with the state it starts in: what is generated and made smaller.</summary>
internal sealed class LabCase
{
    private LabProgram? _program;
    private bool _isAssembled;

    public required int Seed { get; init; }

    public required LabMode Mode { get; init; }

    public required int Offset { get; init; }

    public required IReadOnlyList<LabStep> Steps { get; init; }

    public required LabState State { get; init; }

    /// <summary>Compared with the host's processor.</summary>
    public bool ForHost { get; init; }

    /// <summary>The assembled program, or null if a branch does not reach or an instruction cannot be encoded.</summary>
    public LabProgram? Program
    {
        get
        {
            if (!_isAssembled)
            {
                _isAssembled = true;
                _program = LabAssembler.TryAssemble(Mode.Bits(), LabLayout.Code + (ulong)Offset, Steps) is { } code ? new LabProgram(Mode, Offset, code) : null;
            }

            return _program;
        }
    }

    public LabCase With(IReadOnlyList<LabStep>? steps = null, LabState? state = null, int? offset = null) => new()
    {
        Seed = Seed,
        Mode = Mode,
        Offset = offset ?? Offset,
        Steps = steps ?? Steps,
        State = state ?? State,
        ForHost = ForHost,
    };

    /// <summary>The program as assembly, the state, and a regression test to paste.</summary>
    public override string ToString()
    {
        var text = new StringBuilder().AppendLine();
        var formatter = new NasmFormatter();
        var output = new StringOutput();
        foreach (var instruction in Program?.Instructions ?? [])
        {
            formatter.Format(instruction, output);
            text.Append($"    {instruction.IP:X8}  ").AppendLine(output.ToStringAndReset());
        }

        return text.AppendLine($"    {Mode}, {State}").AppendLine().AppendLine("    [Fact]").AppendLine($"    public void Seed{Seed}() => {(ForHost ? nameof(HostRegression) : nameof(LabRegression))}.Check(")
            .AppendLine($"        LabMode.{Mode},").AppendLine($"        0x{Offset:X},").AppendLine($"        \"{Convert.ToHexString(Program is null ? [] : Program.Code)}\",")
            .AppendLine($"        \"{State}\");").ToString();
    }
}
