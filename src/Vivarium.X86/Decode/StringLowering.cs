using Iced.Intel;

namespace Vivarium.X86;

/// <summary>String instructions with and without REP.</summary>
internal static unsafe class StringLowering
{
    public static bool TryLower(in Instruction i, DecodedOp* op) => i.Mnemonic switch
    {
        Mnemonic.Movsb => Form<MovsStep, byte>(i, op),
        Mnemonic.Movsw => Form<MovsStep, ushort>(i, op),
        Mnemonic.Movsd when IsString(i) => Form<MovsStep, uint>(i, op),
        Mnemonic.Movsq => Form<MovsStep, ulong>(i, op),
        Mnemonic.Stosb => Form<StosStep, byte>(i, op),
        Mnemonic.Stosw => Form<StosStep, ushort>(i, op),
        Mnemonic.Stosd => Form<StosStep, uint>(i, op),
        Mnemonic.Stosq => Form<StosStep, ulong>(i, op),
        Mnemonic.Lodsb => Form<LodsStep, byte>(i, op),
        Mnemonic.Lodsw => Form<LodsStep, ushort>(i, op),
        Mnemonic.Lodsd => Form<LodsStep, uint>(i, op),
        Mnemonic.Lodsq => Form<LodsStep, ulong>(i, op),
        Mnemonic.Cmpsb => Form<CmpsStep, byte>(i, op),
        Mnemonic.Cmpsw => Form<CmpsStep, ushort>(i, op),
        Mnemonic.Cmpsd when IsString(i) => Form<CmpsStep, uint>(i, op),
        Mnemonic.Cmpsq => Form<CmpsStep, ulong>(i, op),
        Mnemonic.Scasb => Form<ScasStep, byte>(i, op),
        Mnemonic.Scasw => Form<ScasStep, ushort>(i, op),
        Mnemonic.Scasd => Form<ScasStep, uint>(i, op),
        Mnemonic.Scasq => Form<ScasStep, ulong>(i, op),
        Mnemonic.Insb => Form<InsStep, byte>(i, op),
        Mnemonic.Insw => Form<InsStep, ushort>(i, op),
        Mnemonic.Insd => Form<InsStep, uint>(i, op),
        Mnemonic.Outsb => Form<OutsStep, byte>(i, op),
        Mnemonic.Outsw => Form<OutsStep, ushort>(i, op),
        Mnemonic.Outsd => Form<OutsStep, uint>(i, op),
        _ => false,
    };

    /// <summary>MOVSD and CMPSD also name SSE2 instructions.</summary>
    private static bool IsString(in Instruction i) => i.IsStringInstruction;

    private static bool Form<TStep, T>(in Instruction i, DecodedOp* op)
        where TStep : struct, IStringStep
        where T : unmanaged =>
        Lower.Call(op, (op->Flags & (OpFlags.Rep | OpFlags.RepNe)) != 0 ? &StringLoop<TStep, T>.Repeat : &StringLoop<TStep, T>.Once);
}
