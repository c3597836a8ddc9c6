using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Bit tests, scans, counts, BMI1 and BMI2.</summary>
internal static unsafe class BitLowering
{
    public static bool TryLower(in Instruction i, DecodedOp* op)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Bt: return Test<BitTest>(i, op);
            case Mnemonic.Bts: return Test<BitSet>(i, op);
            case Mnemonic.Btr: return Test<BitReset>(i, op);
            case Mnemonic.Btc: return Test<BitComplement>(i, op);
            case Mnemonic.Bsf: return Lower.Sized(i, op, 0, null, &BitScan<ushort>.Forward, &BitScan<uint>.Forward, &BitScan<ulong>.Forward);
            case Mnemonic.Bsr: return Lower.Sized(i, op, 0, null, &BitScan<ushort>.Reverse, &BitScan<uint>.Reverse, &BitScan<ulong>.Reverse);
            case Mnemonic.Tzcnt: return Lower.Sized(i, op, 0, null, &BitScan<ushort>.TrailingZeros, &BitScan<uint>.TrailingZeros, &BitScan<ulong>.TrailingZeros);
            case Mnemonic.Lzcnt: return Lower.Sized(i, op, 0, null, &BitScan<ushort>.LeadingZeros, &BitScan<uint>.LeadingZeros, &BitScan<ulong>.LeadingZeros);
            case Mnemonic.Popcnt: return Lower.Sized(i, op, 0, null, &BitScan<ushort>.PopCount, &BitScan<uint>.PopCount, &BitScan<ulong>.PopCount);
            case Mnemonic.Andn: return ThreeOperand(i, op, registerOperand: 1, sourceOperand: 2, &Bmi1<uint>.AndNot, &Bmi1<ulong>.AndNot);
            case Mnemonic.Bextr when i.Op2Kind == OpKind.Register: return ThreeOperand(i, op, registerOperand: 2, sourceOperand: 1, &Bmi1<uint>.Extract, &Bmi1<ulong>.Extract);
            case Mnemonic.Blsi: return Lower.Sized(i, op, 0, null, null, &Bmi1<uint>.Isolate, &Bmi1<ulong>.Isolate);
            case Mnemonic.Blsmsk: return Lower.Sized(i, op, 0, null, null, &Bmi1<uint>.Mask, &Bmi1<ulong>.Mask);
            case Mnemonic.Blsr: return Lower.Sized(i, op, 0, null, null, &Bmi1<uint>.Reset, &Bmi1<ulong>.Reset);
            case Mnemonic.Bzhi: return ThreeOperand(i, op, registerOperand: 2, sourceOperand: 1, &Bmi2Ops<uint>.ZeroHighBits, &Bmi2Ops<ulong>.ZeroHighBits);
            case Mnemonic.Mulx: return ThreeOperand(i, op, registerOperand: 1, sourceOperand: 2, &Bmi2Ops<uint>.Multiply, &Bmi2Ops<ulong>.Multiply);
            case Mnemonic.Pdep: return ThreeOperand(i, op, registerOperand: 1, sourceOperand: 2, &Bmi2Ops<uint>.Deposit, &Bmi2Ops<ulong>.Deposit);
            case Mnemonic.Pext: return ThreeOperand(i, op, registerOperand: 1, sourceOperand: 2, &Bmi2Ops<uint>.Extract, &Bmi2Ops<ulong>.Extract);
            case Mnemonic.Rorx: return Lower.Sized(i, op, 0, null, null, &Bmi2Ops<uint>.RotateRight, &Bmi2Ops<ulong>.RotateRight);
            case Mnemonic.Shlx: return ThreeOperand(i, op, registerOperand: 2, sourceOperand: 1, &Bmi2Ops<uint>.ShiftLeft, &Bmi2Ops<ulong>.ShiftLeft);
            case Mnemonic.Shrx: return ThreeOperand(i, op, registerOperand: 2, sourceOperand: 1, &Bmi2Ops<uint>.ShiftRight, &Bmi2Ops<ulong>.ShiftRight);
            case Mnemonic.Sarx: return ThreeOperand(i, op, registerOperand: 2, sourceOperand: 1, &Bmi2Ops<uint>.ShiftRightArithmetic, &Bmi2Ops<ulong>.ShiftRightArithmetic);
            default: return false;
        }
    }

    private static bool Test<TOp>(in Instruction i, DecodedOp* op)
        where TOp : struct, IAtomicUpdate
    {
        if (i.Op1Kind == OpKind.Register)
        {
            return Lower.Sized(i, op, 0, null, &BitTests<TOp, ushort>.ByRegister, &BitTests<TOp, uint>.ByRegister, &BitTests<TOp, ulong>.ByRegister);
        }

        return Lower.Sized(i, op, 0, null, &BitTests<TOp, ushort>.ByImmediate, &BitTests<TOp, uint>.ByImmediate, &BitTests<TOp, ulong>.ByImmediate);
    }

    private static bool ThreeOperand(in Instruction i, DecodedOp* op, int registerOperand, int sourceOperand, OpHandler bytes4, OpHandler bytes8)
    {
        Lower.Operands(i, op);
        op->Immediate = RegisterMap.General(i.GetOpRegister(registerOperand));
        Lower.AsSource(i, op, sourceOperand);
        return Lower.Call(op, Lower.SizeOf(i, 0) == 4 ? bytes4 : bytes8);
    }
}
