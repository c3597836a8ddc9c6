using Iced.Intel;

namespace Vivarium.X86;

/// <summary>
/// Which of the six arithmetic flags each instruction of a run reads and overwrites, and which are live before it. Masks are Iced's
/// <see cref="RflagsBits"/>: OF, SF, ZF, AF, CF, PF in bits 0 to 5.
/// </summary>
internal sealed unsafe class FlagAnalysis
{
    public const byte All = 0x3F;
    private readonly byte[] _reads = new byte[BlockDecoder.MaxInstructions];
    private readonly byte[] _writes = new byte[BlockDecoder.MaxInstructions];
    private readonly byte[] _kills = new byte[BlockDecoder.MaxInstructions];
    private readonly byte[] _live = new byte[BlockDecoder.MaxInstructions + 1];

    /// <summary>Flags that must be right before an instruction is executed natively, those that it only passes on included.</summary>
    public byte Reads(int i) => _reads[i];

    /// <summary>Flags that it may change.</summary>
    public byte Writes(int i) => _writes[i];

    /// <summary>Flags whose earlier values are gone for sure after it.</summary>
    public byte Kills(int i) => _kills[i];

    /// <summary>Flags that are read at or after instruction <paramref name="i"/> before they are overwritten.</summary>
    public byte LiveBefore(int i) => _live[i];

    public void Run(DecodedRun run)
    {
        for (var i = 0; i < run.Count; i++)
        {
            Classify(i, run.Instructions[i]);
        }

        _live[run.Count] = All;
        for (var i = run.Count - 1; i >= 0; i--)
        {
            // Where control may leave the run all are live.
            var after = run.Instructions[i].FlowControl == FlowControl.Next || (run.IsFollowed(i) && run.Ops[i].Code == OpCode.Jump) ? _live[i + 1] : All;
            _live[i] = (byte)((after & ~_kills[i]) | _reads[i]);
        }
    }

    private void Classify(int i, in Instruction instruction)
    {
        var writes = (byte)instruction.RflagsModified & All;
        var reads = instruction.Mnemonic == Mnemonic.Syscall ? All : (byte)instruction.RflagsRead & All;
        var kills = writes;
        if (IsConditional(instruction))
        {
            // A count of zero leaves all as they are.
            kills = 0;
        }

        if (writes != 0 && kills != All)
        {
            // The host's instruction passes the others on.
            reads |= All & ~kills;
        }

        _reads[i] = (byte)reads;
        _writes[i] = (byte)writes;
        _kills[i] = (byte)kills;
    }

    private static bool IsConditional(in Instruction instruction) => instruction.Mnemonic switch
    {
        Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr or Mnemonic.Shl or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar =>
            instruction.Op1Kind == OpKind.Register || (instruction.Immediate8 & 0x1F) == 0,
        Mnemonic.Shld or Mnemonic.Shrd => true,
        _ => instruction.HasRepPrefix || instruction.HasRepnePrefix,
    };
}
