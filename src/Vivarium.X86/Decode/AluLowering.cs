using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Two-operand arithmetic, unary arithmetic, shifts, multiplication and division.</summary>
internal static unsafe class AluLowering
{
    public static bool TryLower(in Instruction i, DecodedOp* op)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Add: return Binary<AddOp>(i, op);
            case Mnemonic.Or: return Binary<OrOp>(i, op);
            case Mnemonic.Adc: return Binary<AdcOp>(i, op);
            case Mnemonic.Sbb: return Binary<SbbOp>(i, op);
            case Mnemonic.And: return Binary<AndOp>(i, op);
            case Mnemonic.Sub: return Binary<SubOp>(i, op);
            case Mnemonic.Xor: return Binary<XorOp>(i, op);
            case Mnemonic.Cmp: return Binary<CmpOp>(i, op);
            case Mnemonic.Test: return Binary<TestOp>(i, op);
            case Mnemonic.Inc: return Unary<IncOp>(i, op);
            case Mnemonic.Dec: return Unary<DecOp>(i, op);
            case Mnemonic.Neg: return Unary<NegOp>(i, op);
            case Mnemonic.Not: return Unary<NotOp>(i, op);
            case Mnemonic.Rol: return Shift<RolOp>(i, op);
            case Mnemonic.Ror: return Shift<RorOp>(i, op);
            case Mnemonic.Rcl: return Shift<RclOp>(i, op);
            case Mnemonic.Rcr: return Shift<RcrOp>(i, op);
            case Mnemonic.Shl or Mnemonic.Sal: return Shift<ShlOp>(i, op);
            case Mnemonic.Shr: return Shift<ShrOp>(i, op);
            case Mnemonic.Sar: return Shift<SarOp>(i, op);
            case Mnemonic.Shld:
                return Lower.ByCl(i, 2)
                    ? Lower.Sized(i, op, 0, null, &DoubleShift<ushort>.LeftByCl, &DoubleShift<uint>.LeftByCl, &DoubleShift<ulong>.LeftByCl)
                    : Lower.Sized(i, op, 0, null, &DoubleShift<ushort>.LeftByImmediate, &DoubleShift<uint>.LeftByImmediate, &DoubleShift<ulong>.LeftByImmediate);
            case Mnemonic.Shrd:
                return Lower.ByCl(i, 2)
                    ? Lower.Sized(i, op, 0, null, &DoubleShift<ushort>.RightByCl, &DoubleShift<uint>.RightByCl, &DoubleShift<ulong>.RightByCl)
                    : Lower.Sized(i, op, 0, null, &DoubleShift<ushort>.RightByImmediate, &DoubleShift<uint>.RightByImmediate, &DoubleShift<ulong>.RightByImmediate);
            case Mnemonic.Mul:
                Lower.AsSource(i, op, 0);
                return Lower.Sized(i, op, 0, &Multiply<byte>.Unsigned, &Multiply<ushort>.Unsigned, &Multiply<uint>.Unsigned, &Multiply<ulong>.Unsigned);
            case Mnemonic.Imul: return SignedMultiply(i, op);
            case Mnemonic.Div:
                Lower.AsSource(i, op, 0);
                return Lower.Sized(i, op, 0, &Multiply<byte>.DivideUnsigned, &Multiply<ushort>.DivideUnsigned, &Multiply<uint>.DivideUnsigned, &Multiply<ulong>.DivideUnsigned);
            case Mnemonic.Idiv:
                Lower.AsSource(i, op, 0);
                return Lower.Sized(i, op, 0, &Multiply<byte>.DivideSigned, &Multiply<ushort>.DivideSigned, &Multiply<uint>.DivideSigned, &Multiply<ulong>.DivideSigned);
            case Mnemonic.Adcx: return Lower.Sized(i, op, 0, null, null, &AddWithOneFlag<uint>.Carry, &AddWithOneFlag<ulong>.Carry);
            case Mnemonic.Adox: return Lower.Sized(i, op, 0, null, null, &AddWithOneFlag<uint>.Overflow, &AddWithOneFlag<ulong>.Overflow);
            default: return false;
        }
    }

    private static bool Binary<TOp>(in Instruction i, DecodedOp* op)
        where TOp : struct, IAluOp
    {
        Lower.Operands(i, op);
        return Lower.SizeOf(i, 0) switch
        {
            1 => BinaryForm<TOp, byte>(i, op),
            2 => BinaryForm<TOp, ushort>(i, op),
            4 => BinaryForm<TOp, uint>(i, op),
            _ => BinaryForm<TOp, ulong>(i, op),
        };
    }

    private static bool BinaryForm<TOp, T>(in Instruction i, DecodedOp* op)
        where TOp : struct, IAluOp
        where T : unmanaged
    {
        var sourceIsRegister = i.Op1Kind == OpKind.Register;
        if (i.Op0Kind == OpKind.Memory)
        {
            if (i.HasLockPrefix)
            {
                return Lower.Call(op, sourceIsRegister ? &Alu<TOp, T>.LockedMemReg : &Alu<TOp, T>.LockedMemImm);
            }

            return Lower.Call(op, sourceIsRegister ? &Alu<TOp, T>.MemReg : &Alu<TOp, T>.MemImm);
        }

        if (i.Op1Kind == OpKind.Memory)
        {
            return Lower.Call(op, &Alu<TOp, T>.RegMem);
        }

        return Lower.Call(op, sourceIsRegister ? &Alu<TOp, T>.RegReg : &Alu<TOp, T>.RegImm);
    }

    private static bool Unary<TOp>(in Instruction i, DecodedOp* op)
        where TOp : struct, IUnaryOp
    {
        if (!op->HasMemory)
        {
            return Lower.Sized(i, op, 0, &Unary<TOp, byte>.Register, &Unary<TOp, ushort>.Register, &Unary<TOp, uint>.Register, &Unary<TOp, ulong>.Register);
        }

        return i.HasLockPrefix
            ? Lower.Sized(i, op, 0, &Unary<TOp, byte>.Locked, &Unary<TOp, ushort>.Locked, &Unary<TOp, uint>.Locked, &Unary<TOp, ulong>.Locked)
            : Lower.Sized(i, op, 0, &Unary<TOp, byte>.Memory, &Unary<TOp, ushort>.Memory, &Unary<TOp, uint>.Memory, &Unary<TOp, ulong>.Memory);
    }

    private static bool Shift<TOp>(in Instruction i, DecodedOp* op)
        where TOp : struct, IShiftOp
    {
        if (Lower.ByCl(i, 1))
        {
            return Lower.Sized(i, op, 0, &Shift<TOp, byte>.ByCl, &Shift<TOp, ushort>.ByCl, &Shift<TOp, uint>.ByCl, &Shift<TOp, ulong>.ByCl);
        }

        return Lower.Sized(i, op, 0, &Shift<TOp, byte>.ByImmediate, &Shift<TOp, ushort>.ByImmediate, &Shift<TOp, uint>.ByImmediate, &Shift<TOp, ulong>.ByImmediate);
    }

    private static bool SignedMultiply(in Instruction i, DecodedOp* op)
    {
        switch (i.OpCount)
        {
            case 1:
                Lower.AsSource(i, op, 0);
                return Lower.Sized(i, op, 0, &Multiply<byte>.Signed, &Multiply<ushort>.Signed, &Multiply<uint>.Signed, &Multiply<ulong>.Signed);
            case 2:
                return Lower.Sized(i, op, 0, null, &Multiply<ushort>.TwoOperand, &Multiply<uint>.TwoOperand, &Multiply<ulong>.TwoOperand);
            default:
                return Lower.Sized(i, op, 0, null, &Multiply<ushort>.ThreeOperand, &Multiply<uint>.ThreeOperand, &Multiply<ulong>.ThreeOperand);
        }
    }
}
