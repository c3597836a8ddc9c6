using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>One part of a block's code: the host's instructions, and the guest's that they are for.</summary>
internal sealed record EmittedPart(EmittedBlock Block, CodePlace Place, Instruction Guest, List<Instruction> Host)
{
    /// <summary>How its guest instruction is lowered, or null if it is not the part of one.</summary>
    public LoweringKind? Kind => Place.Part == CodePart.Instruction ? Place.Kind : null;

    /// <summary>Control leaves the block here, or may.</summary>
    public bool IsWayOut => Place.Part is CodePart.End or CodePart.Edge || Kind is LoweringKind.Jump or LoweringKind.Call or LoweringKind.Return
        or LoweringKind.AllowInterrupts or LoweringKind.SystemCall or LoweringKind.SystemReturn;

    /// <summary>Whether the guest's instruction has an operand in memory, or on the stack, that emitted code accesses.</summary>
    public bool HasAccess => Kind is not (null or LoweringKind.Interpret or LoweringKind.Nothing or LoweringKind.LoadAddress)
        && (HasMemory(Guest) || Kind is LoweringKind.Push or LoweringKind.Pop or LoweringKind.LeaveFrame or LoweringKind.PushFlags or LoweringKind.Call or LoweringKind.Return
            or LoweringKind.String or LoweringKind.RepeatedString);

    /// <summary>Whether host instruction <paramref name="i"/> may be the guest's own, as its mnemonic has it.</summary>
    public bool IsGuests(int i) => Kind is LoweringKind.Reencode or LoweringKind.BitTest or LoweringKind.AlignedVector or LoweringKind.Vector or LoweringKind.X87
        or LoweringKind.Mmx or LoweringKind.ClearVectors or LoweringKind.Copy or LoweringKind.Divide
        or LoweringKind.String or LoweringKind.RepeatedString or LoweringKind.BitTestBeyond && Host[i].Mnemonic == Guest.Mnemonic;

    /// <summary>From the state to the TLB of the part.</summary>
    public int TlbTable => VcpuMemory.TlbOffset + (AccessMode * (Tlb.SizeBytes / 4));

    /// <summary>The mode of the part's accesses: that of CPL 0, with or without SMAP as the last STAC or CLAC before it has it.</summary>
    public int AccessMode
    {
        get
        {
            var last = Enumerable.Range(0, Place.Part is CodePart.Instruction or CodePart.SiteMiss or CodePart.SlowPath ? Place.Number : 0).Select(Block.Guest)
                .LastOrDefault(each => each.Mnemonic is Mnemonic.Stac or Mnemonic.Clac);
            return (int)(last.Mnemonic == Mnemonic.Stac ? MmuMode.SupervisorNoSmap : MmuMode.Supervisor);
        }
    }

    public static bool HasMemory(in Instruction instruction) => MemoryOperand(instruction) >= 0;

    /// <summary>Which operand is in memory, or −1.</summary>
    public static int MemoryOperand(in Instruction instruction)
    {
        for (var k = 0; k < instruction.OpCount; k++)
        {
            if (instruction.GetOpKind(k) == OpKind.Memory)
            {
                return k;
            }
        }

        return -1;
    }
}
