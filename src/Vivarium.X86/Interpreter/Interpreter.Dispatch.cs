using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <content>The dense switch over decoded operations. Cases are one line each: what is executed, then the next operation.</content>
internal sealed unsafe partial class Interpreter
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private long Execute(Block* block, long budget)
    {
        var c = _core;
        var s = c.State;
        var context = Finder.Context;
        var rip = s->Rip;

    Enter:
        s->RipPage = rip - block->PageOffset;
    EnterSamePage:
        budget -= block->Count;
        var op = Block.Ops(block);
        while (true)
        {
            switch (op->Code)
            {
                case OpCode.Call: if (!((OpHandler)op->Target)(c, op)) { goto Stop; } op++; continue;
                case OpCode.CallAndLeave:
                    s->Rip = c.NextInstructionPointer(op);
                    if (!((OpHandler)op->Target)(c, op))
                    {
                        goto Stop;
                    }

                    return budget;
                case OpCode.EndOfBlock:
                case OpCode.Jump:
                    goto Taken;
                case OpCode.CallNear:
                    if (!c.TryPush<ulong>(s->RipPage + op->PageOffset + op->Length))
                    {
                        goto Stop;
                    }

                    goto Taken;
                case OpCode.ReturnNear:
                    {
                        var stack = s->Gpr[4];
                        if (!c.TryRead<ulong>(stack, (int)X86Segment.Ss, out rip))
                        {
                            goto Stop;
                        }

                        if ((ulong)((long)(rip << 16) >> 16) != rip)
                        {
                            c.RaiseGp();
                            goto Stop;
                        }

                        s->Gpr[4] = stack + 8 + (ulong)op->Immediate;
                        goto Far;
                    }

                case OpCode.JumpIndirect:
                case OpCode.CallNearIndirect:
                    if (!Operand<ulong>.TryGetSource(c, op, out rip))
                    {
                        goto Stop;
                    }

                    if ((ulong)((long)(rip << 16) >> 16) != rip)
                    {
                        c.RaiseGp();
                        goto Stop;
                    }

                    if (op->Code == OpCode.CallNearIndirect && !c.TryPush<ulong>(s->RipPage + op->PageOffset + op->Length))
                    {
                        goto Stop;
                    }

                    goto Far;
                case OpCode.JumpO: if (LazyFlags.Overflow(s)) { goto Taken; } op++; continue;
                case OpCode.JumpNo: if (!LazyFlags.Overflow(s)) { goto Taken; } op++; continue;
                case OpCode.JumpB: if (LazyFlags.Carry(s)) { goto Taken; } op++; continue;
                case OpCode.JumpNb: if (!LazyFlags.Carry(s)) { goto Taken; } op++; continue;
                case OpCode.JumpZ: if (LazyFlags.Zero(s)) { goto Taken; } op++; continue;
                case OpCode.JumpNz: if (!LazyFlags.Zero(s)) { goto Taken; } op++; continue;
                case OpCode.JumpBe: if (LazyFlags.Carry(s) || LazyFlags.Zero(s)) { goto Taken; } op++; continue;
                case OpCode.JumpNbe: if (!LazyFlags.Carry(s) && !LazyFlags.Zero(s)) { goto Taken; } op++; continue;
                case OpCode.JumpS: if (LazyFlags.Sign(s)) { goto Taken; } op++; continue;
                case OpCode.JumpNs: if (!LazyFlags.Sign(s)) { goto Taken; } op++; continue;
                case OpCode.JumpP: if (LazyFlags.Parity(s)) { goto Taken; } op++; continue;
                case OpCode.JumpNp: if (!LazyFlags.Parity(s)) { goto Taken; } op++; continue;
                case OpCode.JumpL: if (LazyFlags.Less(s)) { goto Taken; } op++; continue;
                case OpCode.JumpNl: if (!LazyFlags.Less(s)) { goto Taken; } op++; continue;
                case OpCode.JumpLe: if (LazyFlags.Less(s) || LazyFlags.Zero(s)) { goto Taken; } op++; continue;
                case OpCode.JumpNle: if (!LazyFlags.Less(s) && !LazyFlags.Zero(s)) { goto Taken; } op++; continue;
                case OpCode.Add32RegReg: Alu<AddOp, uint>.RegReg(c, op); op++; continue;
                case OpCode.Add32RegImm: Alu<AddOp, uint>.RegImm(c, op); op++; continue;
                case OpCode.Add32RegMem: if (!Alu<AddOp, uint>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.Add64RegReg: Alu<AddOp, ulong>.RegReg(c, op); op++; continue;
                case OpCode.Add64RegImm: Alu<AddOp, ulong>.RegImm(c, op); op++; continue;
                case OpCode.Add64RegMem: if (!Alu<AddOp, ulong>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.Or32RegReg: Alu<OrOp, uint>.RegReg(c, op); op++; continue;
                case OpCode.Or32RegImm: Alu<OrOp, uint>.RegImm(c, op); op++; continue;
                case OpCode.Or32RegMem: if (!Alu<OrOp, uint>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.Or64RegReg: Alu<OrOp, ulong>.RegReg(c, op); op++; continue;
                case OpCode.Or64RegImm: Alu<OrOp, ulong>.RegImm(c, op); op++; continue;
                case OpCode.Or64RegMem: if (!Alu<OrOp, ulong>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.And32RegReg: Alu<AndOp, uint>.RegReg(c, op); op++; continue;
                case OpCode.And32RegImm: Alu<AndOp, uint>.RegImm(c, op); op++; continue;
                case OpCode.And32RegMem: if (!Alu<AndOp, uint>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.And64RegReg: Alu<AndOp, ulong>.RegReg(c, op); op++; continue;
                case OpCode.And64RegImm: Alu<AndOp, ulong>.RegImm(c, op); op++; continue;
                case OpCode.And64RegMem: if (!Alu<AndOp, ulong>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.Sub32RegReg: Alu<SubOp, uint>.RegReg(c, op); op++; continue;
                case OpCode.Sub32RegImm: Alu<SubOp, uint>.RegImm(c, op); op++; continue;
                case OpCode.Sub32RegMem: if (!Alu<SubOp, uint>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.Sub64RegReg: Alu<SubOp, ulong>.RegReg(c, op); op++; continue;
                case OpCode.Sub64RegImm: Alu<SubOp, ulong>.RegImm(c, op); op++; continue;
                case OpCode.Sub64RegMem: if (!Alu<SubOp, ulong>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.Xor32RegReg: Alu<XorOp, uint>.RegReg(c, op); op++; continue;
                case OpCode.Xor32RegImm: Alu<XorOp, uint>.RegImm(c, op); op++; continue;
                case OpCode.Xor32RegMem: if (!Alu<XorOp, uint>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.Xor64RegReg: Alu<XorOp, ulong>.RegReg(c, op); op++; continue;
                case OpCode.Xor64RegImm: Alu<XorOp, ulong>.RegImm(c, op); op++; continue;
                case OpCode.Xor64RegMem: if (!Alu<XorOp, ulong>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.Cmp32RegReg: Alu<CmpOp, uint>.RegReg(c, op); op++; continue;
                case OpCode.Cmp32RegImm: Alu<CmpOp, uint>.RegImm(c, op); op++; continue;
                case OpCode.Cmp32RegMem: if (!Alu<CmpOp, uint>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.Cmp64RegReg: Alu<CmpOp, ulong>.RegReg(c, op); op++; continue;
                case OpCode.Cmp64RegImm: Alu<CmpOp, ulong>.RegImm(c, op); op++; continue;
                case OpCode.Cmp64RegMem: if (!Alu<CmpOp, ulong>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.Test32RegReg: Alu<TestOp, uint>.RegReg(c, op); op++; continue;
                case OpCode.Test32RegImm: Alu<TestOp, uint>.RegImm(c, op); op++; continue;
                case OpCode.Test64RegReg: Alu<TestOp, ulong>.RegReg(c, op); op++; continue;
                case OpCode.Test64RegImm: Alu<TestOp, ulong>.RegImm(c, op); op++; continue;
                case OpCode.Cmp8MemReg: if (!Alu<CmpOp, byte>.MemReg(c, op)) { goto Stop; } op++; continue;
                case OpCode.Cmp8MemImm: if (!Alu<CmpOp, byte>.MemImm(c, op)) { goto Stop; } op++; continue;
                case OpCode.Cmp32MemReg: if (!Alu<CmpOp, uint>.MemReg(c, op)) { goto Stop; } op++; continue;
                case OpCode.Cmp32MemImm: if (!Alu<CmpOp, uint>.MemImm(c, op)) { goto Stop; } op++; continue;
                case OpCode.Cmp64MemReg: if (!Alu<CmpOp, ulong>.MemReg(c, op)) { goto Stop; } op++; continue;
                case OpCode.Cmp64MemImm: if (!Alu<CmpOp, ulong>.MemImm(c, op)) { goto Stop; } op++; continue;
                case OpCode.Test8MemReg: if (!Alu<TestOp, byte>.MemReg(c, op)) { goto Stop; } op++; continue;
                case OpCode.Test8MemImm: if (!Alu<TestOp, byte>.MemImm(c, op)) { goto Stop; } op++; continue;
                case OpCode.Test32MemReg: if (!Alu<TestOp, uint>.MemReg(c, op)) { goto Stop; } op++; continue;
                case OpCode.Test32MemImm: if (!Alu<TestOp, uint>.MemImm(c, op)) { goto Stop; } op++; continue;
                case OpCode.Test64MemReg: if (!Alu<TestOp, ulong>.MemReg(c, op)) { goto Stop; } op++; continue;
                case OpCode.Test64MemImm: if (!Alu<TestOp, ulong>.MemImm(c, op)) { goto Stop; } op++; continue;
                case OpCode.Add32MemReg: if (!Alu<AddOp, uint>.MemReg(c, op)) { goto Stop; } op++; continue;
                case OpCode.Add64MemReg: if (!Alu<AddOp, ulong>.MemReg(c, op)) { goto Stop; } op++; continue;
                case OpCode.Cmp8RegImm: Alu<CmpOp, byte>.RegImm(c, op); op++; continue;
                case OpCode.Cmp8RegReg: Alu<CmpOp, byte>.RegReg(c, op); op++; continue;
                case OpCode.Test8RegReg: Alu<TestOp, byte>.RegReg(c, op); op++; continue;
                case OpCode.Test8RegImm: Alu<TestOp, byte>.RegImm(c, op); op++; continue;
                case OpCode.Cmp8RegMem: if (!Alu<CmpOp, byte>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.Move8RegMem: if (!Move<byte>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.Move8MemReg: if (!Move<byte>.MemReg(c, op)) { goto Stop; } op++; continue;
                case OpCode.Move32RegMem: if (!Move<uint>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.Move32MemReg: if (!Move<uint>.MemReg(c, op)) { goto Stop; } op++; continue;
                case OpCode.Move64RegMem: if (!Move<ulong>.RegMem(c, op)) { goto Stop; } op++; continue;
                case OpCode.Move64MemReg: if (!Move<ulong>.MemReg(c, op)) { goto Stop; } op++; continue;
                case OpCode.Move32RegReg: Move<uint>.RegReg(c, op); op++; continue;
                case OpCode.Move32RegImm: Move<uint>.RegImm(c, op); op++; continue;
                case OpCode.Move32MemImm: if (!Move<uint>.MemImm(c, op)) { goto Stop; } op++; continue;
                case OpCode.Move64RegReg: Move<ulong>.RegReg(c, op); op++; continue;
                case OpCode.Move64RegImm: Move<ulong>.RegImm(c, op); op++; continue;
                case OpCode.Move64MemImm: if (!Move<ulong>.MemImm(c, op)) { goto Stop; } op++; continue;
                case OpCode.Move8MemImm: if (!Move<byte>.MemImm(c, op)) { goto Stop; } op++; continue;
                case OpCode.LoadAddress32: Move<uint>.LoadAddress(c, op); op++; continue;
                case OpCode.Inc32: Unary<IncOp, uint>.Register(c, op); op++; continue;
                case OpCode.Dec32: Unary<DecOp, uint>.Register(c, op); op++; continue;
                case OpCode.Shl32RegImm: Shift<ShlOp, uint>.RegisterByImmediate(c, op); op++; continue;
                case OpCode.Shr32RegImm: Shift<ShrOp, uint>.RegisterByImmediate(c, op); op++; continue;
                case OpCode.Sar32RegImm: Shift<SarOp, uint>.RegisterByImmediate(c, op); op++; continue;
                case OpCode.LoadAddress64: Move<ulong>.LoadAddress(c, op); op++; continue;
                case OpCode.Inc64: Unary<IncOp, ulong>.Register(c, op); op++; continue;
                case OpCode.Dec64: Unary<DecOp, ulong>.Register(c, op); op++; continue;
                case OpCode.Shl64RegImm: Shift<ShlOp, ulong>.RegisterByImmediate(c, op); op++; continue;
                case OpCode.Shr64RegImm: Shift<ShrOp, ulong>.RegisterByImmediate(c, op); op++; continue;
                case OpCode.Sar64RegImm: Shift<SarOp, ulong>.RegisterByImmediate(c, op); op++; continue;
                case OpCode.MoveZero32From8: if (!Extend<uint, byte>.Zero(c, op)) { goto Stop; } op++; continue;
                case OpCode.MoveZero32From16: if (!Extend<uint, ushort>.Zero(c, op)) { goto Stop; } op++; continue;
                case OpCode.MoveSign64From32: if (!Extend<ulong, uint>.Sign(c, op)) { goto Stop; } op++; continue;
                case OpCode.Push64: if (!Stack<ulong>.PushRegisterFlat(c, op)) { goto Stop; } op++; continue;
                case OpCode.Pop64: if (!Stack<ulong>.PopRegisterFlat(c, op)) { goto Stop; } op++; continue;
                default:
                    throw new InvalidOperationException($"The decoder made an operation that the interpreter does not know: {op->Code}.");
            }

        Taken:
            // What of the block a taken jump leaves out was counted on entry.
            budget += op->Code >= OpCode.JumpO ? op->Reg1 : 0;
            if (op->Target != 0)
            {
                block = (Block*)op->Target;
                if (c.HasEvents || budget <= 0)
                {
                    s->Rip = c.MaskIp(s->RipPage + block->PageOffset);
                    return budget;
                }

                goto EnterSamePage;
            }

            rip = BranchOps.RelativeTarget(s, op);
            if (((rip - s->RipPage) & ~0xFFFUL) == 0 && !c.RunsAlone)
            {
                s->Rip = rip;
                if (c.HasEvents || budget <= 0)
                {
                    return budget;
                }

                block = Lookup(rip, context);
                if (block == null || Finder.Context != context)
                {
                    return budget;
                }

                if (!block->CrossesPage && !Finder.StopAddresses.Offsets.MayHold(block->Gpa) && Finder.Cache.Find(block->Gpa, block->Mode) == block)
                {
                    op->Target = (nint)block;
                }

                goto Enter;
            }

        Far:
            s->Rip = rip;
            if (c.HasEvents || budget <= 0)
            {
                return budget;
            }

            var entry = _jumps + JumpSlot(rip);
            if (entry->Rip == rip && entry->Context == context)
            {
                block = entry->Block;
                goto Enter;
            }

            block = Lookup(rip, context);
            if (block == null || Finder.Context != context)
            {
                // A fetch fault, or the cache was emptied and the block may be gone with it.
                return budget;
            }

            goto Enter;

        Stop:
            // The instruction did not complete: it and those after it do not count.
            s->Rip = c.InstructionPointer(op);
            return budget + block->Count - (op - Block.Ops(block));
        }
    }
}
