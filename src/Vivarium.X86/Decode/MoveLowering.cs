using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Data movement, bit instructions, flags and the decimal instructions.</summary>
internal static unsafe class MoveLowering
{
    public static bool TryLower(in Instruction i, DecodedOp* op)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Mov: return Mov(i, op);
            case Mnemonic.Movnti: return Lower.Sized(i, op, 1, null, null, &Move<uint>.MemReg, &Move<ulong>.MemReg);
            case Mnemonic.Movbe:
                return i.Op0Kind == OpKind.Register
                    ? Lower.Sized(i, op, 0, null, &Move<ushort>.LoadSwapped, &Move<uint>.LoadSwapped, &Move<ulong>.LoadSwapped)
                    : Lower.Sized(i, op, 1, null, &Move<ushort>.StoreSwapped, &Move<uint>.StoreSwapped, &Move<ulong>.StoreSwapped);
            case Mnemonic.Bswap: return Lower.Sized(i, op, 0, null, &Move<ushort>.ByteSwap, &Move<uint>.ByteSwap, &Move<ulong>.ByteSwap);
            case Mnemonic.Lea: return Lower.Sized(i, op, 0, null, &Move<ushort>.LoadAddress, &Move<uint>.LoadAddress, &Move<ulong>.LoadAddress);
            case Mnemonic.Movzx: return Extend(i, op, sign: false);
            case Mnemonic.Movsx or Mnemonic.Movsxd: return Extend(i, op, sign: true);
            case Mnemonic.Cbw: return Lower.Call(op, &ExtendAccumulator<ushort>.IntoSelf);
            case Mnemonic.Cwde: return Lower.Call(op, &ExtendAccumulator<uint>.IntoSelf);
            case Mnemonic.Cdqe: return Lower.Call(op, &ExtendAccumulator<ulong>.IntoSelf);
            case Mnemonic.Cwd: return Lower.Call(op, &ExtendAccumulator<ushort>.IntoRdx);
            case Mnemonic.Cdq: return Lower.Call(op, &ExtendAccumulator<uint>.IntoRdx);
            case Mnemonic.Cqo: return Lower.Call(op, &ExtendAccumulator<ulong>.IntoRdx);
            case Mnemonic.Xchg: return Exchange(i, op);
            case Mnemonic.Xadd: return Lower.Sized(i, op, 1, &Move<byte>.ExchangeAdd, &Move<ushort>.ExchangeAdd, &Move<uint>.ExchangeAdd, &Move<ulong>.ExchangeAdd);
            case Mnemonic.Cmpxchg:
                return op->HasMemory
                    ? Lower.Sized(i, op, 1, &CompareExchange<byte>.Memory, &CompareExchange<ushort>.Memory, &CompareExchange<uint>.Memory, &CompareExchange<ulong>.Memory)
                    : Lower.Sized(i, op, 1, &CompareExchange<byte>.Register, &CompareExchange<ushort>.Register, &CompareExchange<uint>.Register, &CompareExchange<ulong>.Register);
            case Mnemonic.Cmpxchg8b: return Lower.Call(op, &CompareExchangeWide.Bytes8);
            case Mnemonic.Cmpxchg16b: return Lower.Call(op, &CompareExchangeWide.Bytes16);
            case Mnemonic.Xlatb:
                op->Index = RegisterOffset.Scratch;
                return Lower.Call(op, &DecimalOps.Xlat);
            case Mnemonic.Lahf: return Lower.Call(op, &FlagOps.LoadAh);
            case Mnemonic.Sahf: return Lower.Call(op, &FlagOps.StoreAh);
            case Mnemonic.Clc: return Lower.Call(op, &FlagOps.ClearCarry);
            case Mnemonic.Stc: return Lower.Call(op, &FlagOps.SetCarry);
            case Mnemonic.Cmc: return Lower.Call(op, &FlagOps.ComplementCarry);
            case Mnemonic.Cld: return Lower.Call(op, &FlagOps.ClearDirection);
            case Mnemonic.Std: return Lower.Call(op, &FlagOps.SetDirection);
            case Mnemonic.Salc: return Lower.Call(op, &FlagOps.SetAlFromCarry);
            case Mnemonic.Aaa: return Lower.Call(op, &DecimalOps.Aaa);
            case Mnemonic.Aas: return Lower.Call(op, &DecimalOps.Aas);
            case Mnemonic.Aad: Lower.Operands(i, op); return Lower.Call(op, &DecimalOps.Aad);
            case Mnemonic.Aam: Lower.Operands(i, op); return Lower.Call(op, &DecimalOps.Aam);
            case Mnemonic.Daa: return Lower.Call(op, &DecimalOps.Daa);
            case Mnemonic.Das: return Lower.Call(op, &DecimalOps.Das);
            default: return Conditional(i, op);
        }
    }

    private static bool Conditional(in Instruction i, DecodedOp* op)
    {
        if (i.ConditionCode == ConditionCode.None)
        {
            return false;
        }

        var isMove = i.OpCount == 2;
        if (i.FlowControl != FlowControl.Next || (!isMove && Lower.SizeOf(i, 0) != 1))
        {
            return false;
        }

        var done = isMove
            ? Lower.Sized(i, op, 0, null, &ConditionalMove<ushort>.Execute, &ConditionalMove<uint>.Execute, &ConditionalMove<ulong>.Execute)
            : Lower.Sized(i, op, 0, &FlagOps.SetByte, null, null, null);
        op->Immediate = (long)i.ConditionCode - 1;
        return done;
    }

    private static bool Mov(in Instruction i, DecodedOp* op)
    {
        if (i.Op0Kind == OpKind.Register && i.Op0Register.IsSegmentRegister())
        {
            Lower.Operands(i, op);
            op->Immediate = RegisterMap.Segment(i.Op0Register);
            return i.Op0Register == Register.CS ? Lower.Leave(op, &HintOps.Undefined) : Lower.Leave(op, &SelectorOps.Load);
        }

        if (i.Op1Kind == OpKind.Register && i.Op1Register.IsSegmentRegister())
        {
            Lower.Operands(i, op);
            op->Size = (byte)Lower.SizeOf(i, 0);
            op->Immediate = RegisterMap.Segment(i.Op1Register);
            return Lower.Call(op, &SelectorOps.Store);
        }

        if (i.Op0Kind == OpKind.Register && (i.Op0Register.IsCR() || i.Op0Register.IsDR()))
        {
            Lower.Operands(i, op);
            op->Immediate = i.Op0Register.IsCR() ? i.Op0Register - Register.CR0 : i.Op0Register - Register.DR0;
            return i.Op0Register.IsCR() ? Lower.Leave(op, &SystemOps.WriteControl) : Lower.Leave(op, &DebugRegisterOps.Write);
        }

        if (i.Op1Kind == OpKind.Register && (i.Op1Register.IsCR() || i.Op1Register.IsDR()))
        {
            Lower.Operands(i, op);
            op->Immediate = i.Op1Register.IsCR() ? i.Op1Register - Register.CR0 : i.Op1Register - Register.DR0;
            return i.Op1Register.IsCR() ? Lower.Call(op, &SystemOps.ReadControl) : Lower.Call(op, &DebugRegisterOps.Read);
        }

        if (i.Op0Kind == OpKind.Register && i.Op0Register.IsTR() || (i.Op1Kind == OpKind.Register && i.Op1Register.IsTR()))
        {
            return false;
        }

        if (i.Op0Kind == OpKind.Memory)
        {
            if (IsAbsolute(i))
            {
                op->Immediate = (long)i.MemoryDisplacement64;
                return Lower.Call(op, Select(Lower.SizeOf(i, 1), &Move<byte>.StoreAbsolute, &Move<ushort>.StoreAbsolute, &Move<uint>.StoreAbsolute, &Move<ulong>.StoreAbsolute));
            }

            return i.Op1Kind == OpKind.Register
                ? Lower.Sized(i, op, 1, &Move<byte>.MemReg, &Move<ushort>.MemReg, &Move<uint>.MemReg, &Move<ulong>.MemReg)
                : Lower.Sized(i, op, 0, &Move<byte>.MemImm, &Move<ushort>.MemImm, &Move<uint>.MemImm, &Move<ulong>.MemImm);
        }

        if (i.Op1Kind == OpKind.Memory)
        {
            if (IsAbsolute(i))
            {
                op->Immediate = (long)i.MemoryDisplacement64;
                return Lower.Call(op, Select(Lower.SizeOf(i, 0), &Move<byte>.LoadAbsolute, &Move<ushort>.LoadAbsolute, &Move<uint>.LoadAbsolute, &Move<ulong>.LoadAbsolute));
            }

            return Lower.Sized(i, op, 0, &Move<byte>.RegMem, &Move<ushort>.RegMem, &Move<uint>.RegMem, &Move<ulong>.RegMem);
        }

        return i.Op1Kind == OpKind.Register
            ? Lower.Sized(i, op, 0, &Move<byte>.RegReg, &Move<ushort>.RegReg, &Move<uint>.RegReg, &Move<ulong>.RegReg)
            : Lower.Sized(i, op, 0, &Move<byte>.RegImm, &Move<ushort>.RegImm, &Move<uint>.RegImm, &Move<ulong>.RegImm);
    }

    /// <summary>The moffs forms, whose offset may need 64 bits.</summary>
    private static bool IsAbsolute(in Instruction i) => i.Code is Code.Mov_AL_moffs8 or Code.Mov_AX_moffs16 or Code.Mov_EAX_moffs32 or Code.Mov_RAX_moffs64
        or Code.Mov_moffs8_AL or Code.Mov_moffs16_AX or Code.Mov_moffs32_EAX or Code.Mov_moffs64_RAX;

    private static Handler Select(int sizeBytes, Handler bytes1, Handler bytes2, Handler bytes4, Handler bytes8) =>
        sizeBytes switch { 1 => bytes1, 2 => bytes2, 4 => bytes4, _ => bytes8 };

    private static bool Exchange(in Instruction i, DecodedOp* op)
    {
        if (!op->HasMemory)
        {
            return Lower.Sized(i, op, 0, &Move<byte>.ExchangeRegisters, &Move<ushort>.ExchangeRegisters, &Move<uint>.ExchangeRegisters, &Move<ulong>.ExchangeRegisters);
        }

        // The register may stand on either side; it must be the source here.
        var register = i.Op0Kind == OpKind.Register ? 0 : 1;
        Lower.AsSource(i, op, register);
        return Lower.Call(op, Select(
            Lower.SizeOf(i, register), &Move<byte>.ExchangeMemory, &Move<ushort>.ExchangeMemory, &Move<uint>.ExchangeMemory, &Move<ulong>.ExchangeMemory));
    }

    private static bool Extend(in Instruction i, DecodedOp* op, bool sign)
    {
        return Lower.SizeOf(i, 1) switch
        {
            1 => sign
                ? Lower.Sized(i, op, 0, null, &Extend<ushort, byte>.Sign, &Extend<uint, byte>.Sign, &Extend<ulong, byte>.Sign)
                : Lower.Sized(i, op, 0, null, &Extend<ushort, byte>.Zero, &Extend<uint, byte>.Zero, &Extend<ulong, byte>.Zero),
            2 => sign
                ? Lower.Sized(i, op, 0, null, &Extend<ushort, ushort>.Sign, &Extend<uint, ushort>.Sign, &Extend<ulong, ushort>.Sign)
                : Lower.Sized(i, op, 0, null, &Extend<ushort, ushort>.Zero, &Extend<uint, ushort>.Zero, &Extend<ulong, ushort>.Zero),
            _ => Lower.Sized(i, op, 0, null, &Extend<ushort, ushort>.Sign, &Extend<uint, uint>.Sign, &Extend<ulong, uint>.Sign),
        };
    }
}
