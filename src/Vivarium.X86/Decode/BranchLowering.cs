using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Branches, calls, returns and the stack. In flat 64-bit code the frequent ones become cases of the dispatch switch.</summary>
internal static unsafe class BranchLowering
{
    public static bool TryLower(in Instruction i, DecodeMode mode, DecodedOp* op)
    {
        switch (i.Mnemonic)
        {
            case Mnemonic.Jmp: return Jump(i, mode, op);
            case Mnemonic.Call: return CallNear(i, mode, op);
            case Mnemonic.Ret: return Return(i, mode, op);
            case Mnemonic.Retf:
                op->Size = StackSize(i);
                Lower.Operands(i, op);
                return Lower.Leave(op, &FarOps.Return);
            case Mnemonic.Loop: return Relative(i, mode, op, &BranchOps.Loop);
            case Mnemonic.Loope: return Relative(i, mode, op, &BranchOps.LoopEqual);
            case Mnemonic.Loopne: return Relative(i, mode, op, &BranchOps.LoopNotEqual);
            case Mnemonic.Jcxz or Mnemonic.Jecxz or Mnemonic.Jrcxz: return Relative(i, mode, op, &BranchOps.JumpIfCounterZero);
            case Mnemonic.Push: return Push(i, op);
            case Mnemonic.Pop: return Pop(i, op);
            case Mnemonic.Pusha: return Lower.Call(op, &Stack<ushort>.PushAll);
            case Mnemonic.Pushad: return Lower.Call(op, &Stack<uint>.PushAll);
            case Mnemonic.Popa: return Lower.Call(op, &Stack<ushort>.PopAll);
            case Mnemonic.Popad: return Lower.Call(op, &Stack<uint>.PopAll);
            case Mnemonic.Leave: return ByStackSize(i, op, &Stack<ushort>.Leave, &Stack<uint>.Leave, &Stack<ulong>.Leave);
            case Mnemonic.Enter:
                op->Immediate = (long)i.GetImmediate(0) | ((long)i.GetImmediate(1) << 16);
                return ByStackSize(i, op, &Stack<ushort>.Enter, &Stack<uint>.Enter, &Stack<ulong>.Enter);
            default:
                return i.ConditionCode != ConditionCode.None && i.FlowControl == FlowControl.ConditionalBranch && Conditional(i, mode, op);
        }
    }

    /// <summary>Bytes that the instruction moves RSP by, as the decoder knows them: its operand size.</summary>
    private static byte StackSize(in Instruction i)
    {
        var moved = Math.Abs(i.StackPointerIncrement);
        return i.Mnemonic switch
        {
            Mnemonic.Retf => i.Code is Code.Retfw or Code.Retfw_imm16 ? (byte)2 : i.Code is Code.Retfd or Code.Retfd_imm16 ? (byte)4 : (byte)8,
            _ => (byte)moved,
        };
    }

    private static bool ByStackSize(in Instruction i, DecodedOp* op, Handler bytes2, Handler bytes4, Handler bytes8)
    {
        var size = i.Code switch
        {
            Code.Leavew or Code.Enterw_imm16_imm8 => 2,
            Code.Leaved or Code.Enterd_imm16_imm8 => 4,
            _ => 8,
        };
        return Lower.Call(op, size switch { 2 => bytes2, 4 => bytes4, _ => bytes8 });
    }

    private static bool Jump(in Instruction i, DecodeMode mode, DecodedOp* op)
    {
        if (IsFar(i))
        {
            return Far(i, op, &FarOps.JumpDirect, &FarOps.JumpIndirect);
        }

        if (IsRelative(i))
        {
            return Relative(i, mode, op, &BranchOps.JumpRelative, OpCode.Jump);
        }

        Indirect(i, op);
        return ByCode(mode, op, OpCode.JumpIndirect, &BranchOps.JumpIndirect);
    }

    private static bool CallNear(in Instruction i, DecodeMode mode, DecodedOp* op)
    {
        if (IsFar(i))
        {
            return Far(i, op, &FarOps.CallDirect, &FarOps.CallIndirect);
        }

        if (IsRelative(i))
        {
            SetRelative(i, op);
            return ByCode(mode, op, OpCode.CallNear, &BranchOps.CallRelative);
        }

        Indirect(i, op);
        return ByCode(mode, op, OpCode.CallNearIndirect, &BranchOps.CallIndirect);
    }

    private static bool Return(in Instruction i, DecodeMode mode, DecodedOp* op)
    {
        op->Size = i.Code is Code.Retnw or Code.Retnw_imm16 ? (byte)2 : i.Code is Code.Retnd or Code.Retnd_imm16 ? (byte)4 : (byte)8;
        Lower.Operands(i, op);
        return ByCode(mode, op, OpCode.ReturnNear, &BranchOps.Return);
    }

    private static bool Conditional(in Instruction i, DecodeMode mode, DecodedOp* op)
    {
        var condition = (ushort)(i.ConditionCode - 1);
        var done = Relative(i, mode, op, &BranchOps.JumpConditional, OpCode.JumpO + condition);
        op->Reg2 = condition;
        return done;
    }

    private static bool Relative(in Instruction i, DecodeMode mode, DecodedOp* op, Handler handler, OpCode fast = OpCode.CallAndLeave)
    {
        SetRelative(i, op);

        // Loops keep the address size that the string registers use.
        op->AddressShift = i.Code.ToString().Contains("RCX", StringComparison.Ordinal) || i.Mnemonic == Mnemonic.Jrcxz ? (byte)0
            : i.Code.ToString().Contains("ECX", StringComparison.Ordinal) || i.Mnemonic == Mnemonic.Jecxz ? (byte)32 : (byte)48;
        if (fast != OpCode.CallAndLeave && (mode & DecodeMode.FlatCode) != 0 && (mode & (DecodeMode.Code64 | DecodeMode.Code32)) != 0 && op->Size != 2)
        {
            op->Code = fast;
            return true;
        }

        return Lower.Leave(op, handler);
    }

    /// <summary>In 64-bit mode the dispatch switch has the operation itself.</summary>
    private static bool ByCode(DecodeMode mode, DecodedOp* op, OpCode fast, Handler handler)
    {
        if ((mode & DecodeMode.Code64) != 0 && op->Size == 8)
        {
            op->Code = fast;
            return true;
        }

        return Lower.Leave(op, handler);
    }

    private static void SetRelative(in Instruction i, DecodedOp* op)
    {
        switch (i.Op0Kind)
        {
            case OpKind.NearBranch16:
                op->Size = 2;
                op->Immediate = (short)i.NearBranch16;
                break;
            case OpKind.NearBranch32:
                op->Size = 4;
                op->Immediate = (int)i.NearBranch32;
                break;
            default:
                op->Size = 8;
                op->Immediate = (long)i.NearBranch64;
                break;
        }
    }

    private static void Indirect(in Instruction i, DecodedOp* op)
    {
        op->Size = (byte)Lower.SizeOf(i, 0);
        Lower.AsSource(i, op, 0);
    }

    private static bool Far(in Instruction i, DecodedOp* op, Handler direct, Handler indirect)
    {
        if (i.Op0Kind == OpKind.Memory)
        {
            op->Size = (byte)(i.MemorySize.GetSize() - 2);
            return Lower.Leave(op, indirect);
        }

        op->Size = i.Op0Kind == OpKind.FarBranch16 ? (byte)2 : (byte)4;
        op->Immediate = ((long)i.FarBranchSelector << 32) | (i.Op0Kind == OpKind.FarBranch16 ? i.FarBranch16 : i.FarBranch32);
        return Lower.Leave(op, direct);
    }

    private static bool Push(in Instruction i, DecodedOp* op)
    {
        var size = -i.StackPointerIncrement;
        Lower.Operands(i, op);
        if (i.Op0Kind == OpKind.Memory)
        {
            return Lower.Call(op, size switch { 2 => &Stack<ushort>.PushMemory, 4 => &Stack<uint>.PushMemory, _ => &Stack<ulong>.PushMemory });
        }

        if (i.Op0Kind != OpKind.Register)
        {
            return Lower.Call(op, size switch { 2 => &Stack<ushort>.PushImmediate, 4 => &Stack<uint>.PushImmediate, _ => &Stack<ulong>.PushImmediate });
        }

        if (i.Op0Register.IsSegmentRegister())
        {
            op->Size = (byte)size;
            op->Immediate = RegisterMap.Segment(i.Op0Register);
            return Lower.Call(op, &SelectorOps.Push);
        }

        return Lower.Call(op, size switch { 2 => &Stack<ushort>.PushRegister, 4 => &Stack<uint>.PushRegister, _ => &Stack<ulong>.PushRegister });
    }

    private static bool Pop(in Instruction i, DecodedOp* op)
    {
        var size = i.StackPointerIncrement;
        Lower.Operands(i, op);
        if (i.Op0Kind == OpKind.Memory)
        {
            return Lower.Call(op, size switch { 2 => &Stack<ushort>.PopMemory, 4 => &Stack<uint>.PopMemory, _ => &Stack<ulong>.PopMemory });
        }

        if (i.Op0Register.IsSegmentRegister())
        {
            op->Size = (byte)size;
            op->Immediate = RegisterMap.Segment(i.Op0Register);
            return i.Op0Register == Register.CS ? Lower.Leave(op, &HintOps.Undefined) : Lower.Leave(op, &SelectorOps.Pop);
        }

        return Lower.Call(op, size switch { 2 => &Stack<ushort>.PopRegister, 4 => &Stack<uint>.PopRegister, _ => &Stack<ulong>.PopRegister });
    }

    private static bool IsFar(in Instruction i) => i.Op0Kind is OpKind.FarBranch16 or OpKind.FarBranch32
        || (i.Op0Kind == OpKind.Memory && i.MemorySize is MemorySize.SegPtr16 or MemorySize.SegPtr32 or MemorySize.SegPtr64);

    private static bool IsRelative(in Instruction i) => i.Op0Kind is OpKind.NearBranch16 or OpKind.NearBranch32 or OpKind.NearBranch64;
}
