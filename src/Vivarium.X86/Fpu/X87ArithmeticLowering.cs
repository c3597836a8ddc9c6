using Iced.Intel;
using static Vivarium.X86.LoweringHelpers;

namespace Vivarium.X86;

/// <summary>FADD, FSUB, FSUBR, FMUL, FDIV, FDIVR with their popping and integer forms.</summary>
internal static unsafe class X87ArithmeticLowering
{
    public static bool IsArithmetic(Mnemonic mnemonic) => mnemonic is Mnemonic.Fadd or Mnemonic.Fsub or Mnemonic.Fsubr or Mnemonic.Fmul
        or Mnemonic.Fdiv or Mnemonic.Fdivr || IsPopping(mnemonic) || IsInteger(mnemonic);

    public static nint Find(in Instruction instruction, DecodedOp* op)
    {
        var mnemonic = instruction.Mnemonic;
        if (!IsArithmetic(mnemonic))
        {
            return 0;
        }

        if (instruction.Op0Kind == OpKind.Register)
        {
            op->Reg1 = (ushort)(instruction.Op0Register - Register.ST0);
            op->Reg2 = (ushort)(instruction.Op1Register - Register.ST0);
            op->Size = IsPopping(mnemonic) ? (byte)1 : (byte)0;
        }

        return mnemonic switch
        {
            Mnemonic.Fadd or Mnemonic.Faddp or Mnemonic.Fiadd => Form<X87Arithmetic.Add>(instruction),
            Mnemonic.Fsub or Mnemonic.Fsubp or Mnemonic.Fisub => Form<X87Arithmetic.Subtract>(instruction),
            Mnemonic.Fsubr or Mnemonic.Fsubrp or Mnemonic.Fisubr => Form<X87Arithmetic.SubtractReversed>(instruction),
            Mnemonic.Fmul or Mnemonic.Fmulp or Mnemonic.Fimul => Form<X87Arithmetic.Multiply>(instruction),
            Mnemonic.Fdiv or Mnemonic.Fdivp or Mnemonic.Fidiv => Form<X87Arithmetic.Divide>(instruction),
            _ => Form<X87Arithmetic.DivideReversed>(instruction),
        };
    }

    private static bool IsPopping(Mnemonic mnemonic) => mnemonic is Mnemonic.Faddp or Mnemonic.Fsubp or Mnemonic.Fsubrp or Mnemonic.Fmulp
        or Mnemonic.Fdivp or Mnemonic.Fdivrp;

    private static bool IsInteger(Mnemonic mnemonic) => mnemonic is Mnemonic.Fiadd or Mnemonic.Fisub or Mnemonic.Fisubr or Mnemonic.Fimul
        or Mnemonic.Fidiv or Mnemonic.Fidivr;

    private static nint Form<TOperation>(in Instruction instruction)
        where TOperation : struct, IX87Arithmetic => instruction.Op0Kind == OpKind.Register
            ? Handler(&X87ArithmeticHandlers.Registers<TOperation>)
            : instruction.MemorySize switch
            {
                MemorySize.Float32 => Handler(&X87ArithmeticHandlers.Memory<TOperation, float>),
                MemorySize.Float64 => Handler(&X87ArithmeticHandlers.Memory<TOperation, double>),
                MemorySize.Int16 => Handler(&X87ArithmeticHandlers.Memory<TOperation, short>),
                _ => Handler(&X87ArithmeticHandlers.Memory<TOperation, int>),
            };
}
