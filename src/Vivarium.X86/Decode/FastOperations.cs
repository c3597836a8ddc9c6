namespace Vivarium.X86;

/// <summary>Gives frequent operations a case of their own in the dispatch switch, in place of the call to their handler.</summary>
internal static unsafe class FastOperations
{
    private static readonly Dictionary<nint, OpCode> s_byHandler = Build();

    /// <summary>Replaces the call by the case, if the handler has one and the operands fit it.</summary>
    public static void Apply(DecodeMode mode, DecodedOp* op)
    {
        if (op->Code != OpCode.Call || !s_byHandler.TryGetValue(op->Target, out var code))
        {
            return;
        }

        if (code is >= OpCode.Shl32RegImm and <= OpCode.Sar32RegImm or >= OpCode.Shl64RegImm and <= OpCode.Sar64RegImm)
        {
            var bits = op->Size * 8;
            op->Immediate &= bits - 1;
            if (op->HasMemory || op->Immediate == 0)
            {
                return;
            }
        }

        if (code is OpCode.Push64 or OpCode.Pop64 && (mode & DecodeMode.Code64) == 0)
        {
            return;
        }

        op->Code = code;
    }

    private static Dictionary<nint, OpCode> Build()
    {
        var map = new Dictionary<nint, OpCode>();
        void Map(OpHandler handler, OpCode code) => map.Add((nint)handler, code);
        Map(&Alu<AddOp, uint>.RegReg, OpCode.Add32RegReg);
        Map(&Alu<AddOp, uint>.RegImm, OpCode.Add32RegImm);
        Map(&Alu<AddOp, uint>.RegMem, OpCode.Add32RegMem);
        Map(&Alu<AddOp, ulong>.RegReg, OpCode.Add64RegReg);
        Map(&Alu<AddOp, ulong>.RegImm, OpCode.Add64RegImm);
        Map(&Alu<AddOp, ulong>.RegMem, OpCode.Add64RegMem);
        Map(&Alu<OrOp, uint>.RegReg, OpCode.Or32RegReg);
        Map(&Alu<OrOp, uint>.RegImm, OpCode.Or32RegImm);
        Map(&Alu<OrOp, uint>.RegMem, OpCode.Or32RegMem);
        Map(&Alu<OrOp, ulong>.RegReg, OpCode.Or64RegReg);
        Map(&Alu<OrOp, ulong>.RegImm, OpCode.Or64RegImm);
        Map(&Alu<OrOp, ulong>.RegMem, OpCode.Or64RegMem);
        Map(&Alu<AndOp, uint>.RegReg, OpCode.And32RegReg);
        Map(&Alu<AndOp, uint>.RegImm, OpCode.And32RegImm);
        Map(&Alu<AndOp, uint>.RegMem, OpCode.And32RegMem);
        Map(&Alu<AndOp, ulong>.RegReg, OpCode.And64RegReg);
        Map(&Alu<AndOp, ulong>.RegImm, OpCode.And64RegImm);
        Map(&Alu<AndOp, ulong>.RegMem, OpCode.And64RegMem);
        Map(&Alu<SubOp, uint>.RegReg, OpCode.Sub32RegReg);
        Map(&Alu<SubOp, uint>.RegImm, OpCode.Sub32RegImm);
        Map(&Alu<SubOp, uint>.RegMem, OpCode.Sub32RegMem);
        Map(&Alu<SubOp, ulong>.RegReg, OpCode.Sub64RegReg);
        Map(&Alu<SubOp, ulong>.RegImm, OpCode.Sub64RegImm);
        Map(&Alu<SubOp, ulong>.RegMem, OpCode.Sub64RegMem);
        Map(&Alu<XorOp, uint>.RegReg, OpCode.Xor32RegReg);
        Map(&Alu<XorOp, uint>.RegImm, OpCode.Xor32RegImm);
        Map(&Alu<XorOp, uint>.RegMem, OpCode.Xor32RegMem);
        Map(&Alu<XorOp, ulong>.RegReg, OpCode.Xor64RegReg);
        Map(&Alu<XorOp, ulong>.RegImm, OpCode.Xor64RegImm);
        Map(&Alu<XorOp, ulong>.RegMem, OpCode.Xor64RegMem);
        Map(&Alu<CmpOp, uint>.RegReg, OpCode.Cmp32RegReg);
        Map(&Alu<CmpOp, uint>.RegImm, OpCode.Cmp32RegImm);
        Map(&Alu<CmpOp, uint>.RegMem, OpCode.Cmp32RegMem);
        Map(&Alu<CmpOp, ulong>.RegReg, OpCode.Cmp64RegReg);
        Map(&Alu<CmpOp, ulong>.RegImm, OpCode.Cmp64RegImm);
        Map(&Alu<CmpOp, ulong>.RegMem, OpCode.Cmp64RegMem);
        Map(&Alu<TestOp, uint>.RegReg, OpCode.Test32RegReg);
        Map(&Alu<TestOp, uint>.RegImm, OpCode.Test32RegImm);
        Map(&Alu<TestOp, ulong>.RegReg, OpCode.Test64RegReg);
        Map(&Alu<TestOp, ulong>.RegImm, OpCode.Test64RegImm);
        Map(&Alu<CmpOp, byte>.MemReg, OpCode.Cmp8MemReg);
        Map(&Alu<CmpOp, byte>.MemImm, OpCode.Cmp8MemImm);
        Map(&Alu<CmpOp, uint>.MemReg, OpCode.Cmp32MemReg);
        Map(&Alu<CmpOp, uint>.MemImm, OpCode.Cmp32MemImm);
        Map(&Alu<CmpOp, ulong>.MemReg, OpCode.Cmp64MemReg);
        Map(&Alu<CmpOp, ulong>.MemImm, OpCode.Cmp64MemImm);
        Map(&Alu<TestOp, byte>.MemReg, OpCode.Test8MemReg);
        Map(&Alu<TestOp, byte>.MemImm, OpCode.Test8MemImm);
        Map(&Alu<TestOp, uint>.MemReg, OpCode.Test32MemReg);
        Map(&Alu<TestOp, uint>.MemImm, OpCode.Test32MemImm);
        Map(&Alu<TestOp, ulong>.MemReg, OpCode.Test64MemReg);
        Map(&Alu<TestOp, ulong>.MemImm, OpCode.Test64MemImm);
        Map(&Alu<AddOp, uint>.MemReg, OpCode.Add32MemReg);
        Map(&Alu<AddOp, ulong>.MemReg, OpCode.Add64MemReg);
        Map(&Alu<CmpOp, byte>.RegImm, OpCode.Cmp8RegImm);
        Map(&Alu<CmpOp, byte>.RegReg, OpCode.Cmp8RegReg);
        Map(&Alu<TestOp, byte>.RegReg, OpCode.Test8RegReg);
        Map(&Alu<TestOp, byte>.RegImm, OpCode.Test8RegImm);
        Map(&Alu<CmpOp, byte>.RegMem, OpCode.Cmp8RegMem);
        Map(&Move<byte>.RegMem, OpCode.Move8RegMem);
        Map(&Move<byte>.MemReg, OpCode.Move8MemReg);
        Map(&Move<uint>.RegMem, OpCode.Move32RegMem);
        Map(&Move<uint>.MemReg, OpCode.Move32MemReg);
        Map(&Move<ulong>.RegMem, OpCode.Move64RegMem);
        Map(&Move<ulong>.MemReg, OpCode.Move64MemReg);
        Map(&Move<uint>.RegReg, OpCode.Move32RegReg);
        Map(&Move<uint>.RegImm, OpCode.Move32RegImm);
        Map(&Move<uint>.MemImm, OpCode.Move32MemImm);
        Map(&Move<ulong>.RegReg, OpCode.Move64RegReg);
        Map(&Move<ulong>.RegImm, OpCode.Move64RegImm);
        Map(&Move<ulong>.MemImm, OpCode.Move64MemImm);
        Map(&Move<byte>.MemImm, OpCode.Move8MemImm);
        Map(&Move<uint>.LoadAddress, OpCode.LoadAddress32);
        Map(&Unary<IncOp, uint>.Register, OpCode.Inc32);
        Map(&Unary<DecOp, uint>.Register, OpCode.Dec32);
        Map(&Shift<ShlOp, uint>.ByImmediate, OpCode.Shl32RegImm);
        Map(&Shift<ShrOp, uint>.ByImmediate, OpCode.Shr32RegImm);
        Map(&Shift<SarOp, uint>.ByImmediate, OpCode.Sar32RegImm);
        Map(&Move<ulong>.LoadAddress, OpCode.LoadAddress64);
        Map(&Unary<IncOp, ulong>.Register, OpCode.Inc64);
        Map(&Unary<DecOp, ulong>.Register, OpCode.Dec64);
        Map(&Shift<ShlOp, ulong>.ByImmediate, OpCode.Shl64RegImm);
        Map(&Shift<ShrOp, ulong>.ByImmediate, OpCode.Shr64RegImm);
        Map(&Shift<SarOp, ulong>.ByImmediate, OpCode.Sar64RegImm);
        Map(&Extend<uint, byte>.Zero, OpCode.MoveZero32From8);
        Map(&Extend<uint, ushort>.Zero, OpCode.MoveZero32From16);
        Map(&Extend<ulong, uint>.Sign, OpCode.MoveSign64From32);
        Map(&Stack<ulong>.PushRegister, OpCode.Push64);
        Map(&Stack<ulong>.PopRegister, OpCode.Pop64);
        return map;
    }
}
