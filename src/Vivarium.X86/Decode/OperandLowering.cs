using Iced.Intel;

namespace Vivarium.X86;

/// <summary>Fills the operands of a <see cref="DecodedOp"/>.</summary>
internal static unsafe class OperandLowering
{
    /// <summary>Fills what every operation has, and the memory operand if there is one.</summary>
    public static void Initialize(in Instruction instruction, DecodeMode mode, int pageOffset, DecodedOp* op)
    {
        *op = default;
        op->Code = OpCode.Call;
        op->Length = (byte)instruction.Length;
        op->PageOffset = (ushort)pageOffset;
        op->Base = RegisterOffset.Zero;
        op->Index = RegisterOffset.Zero;
        op->SegmentBase = RegisterOffset.Zero;
        op->Segment = (byte)X86Segment.Ds;
        op->Flags = ((mode & DecodeMode.Code64) != 0 ? OpFlags.LongMode : 0)
            | (instruction.HasLockPrefix ? OpFlags.Lock : 0)
            | (instruction.HasRepPrefix ? OpFlags.Rep : 0)
            | (instruction.HasRepnePrefix ? OpFlags.RepNe : 0);
        for (var i = 0; i < instruction.OpCount; i++)
        {
            var kind = instruction.GetOpKind(i);
            if (kind == OpKind.Memory)
            {
                FillMemory(instruction, mode, pageOffset, op);
            }
            else if (StringAddressShift(kind) is { } shift)
            {
                op->AddressShift = shift;
                FillSegment(kind is OpKind.MemoryESDI or OpKind.MemoryESEDI or OpKind.MemoryESRDI && instruction.OpCount == 2 && !HasStringSource(instruction)
                    ? Register.DS
                    : instruction.MemorySegment, isStack: false, mode, op);
            }
        }
    }

    /// <summary>Whether the instruction reads through RSI, whose segment may be overridden.</summary>
    private static bool HasStringSource(in Instruction instruction)
    {
        for (var i = 0; i < instruction.OpCount; i++)
        {
            if (instruction.GetOpKind(i) is OpKind.MemorySegSI or OpKind.MemorySegESI or OpKind.MemorySegRSI or OpKind.MemorySegDI or OpKind.MemorySegEDI or OpKind.MemorySegRDI)
            {
                return true;
            }
        }

        return false;
    }

    private static byte? StringAddressShift(OpKind kind) => kind switch
    {
        OpKind.MemorySegSI or OpKind.MemoryESDI or OpKind.MemorySegDI => 48,
        OpKind.MemorySegESI or OpKind.MemoryESEDI or OpKind.MemorySegEDI => 32,
        OpKind.MemorySegRSI or OpKind.MemoryESRDI or OpKind.MemorySegRDI => 0,
        _ => null,
    };

    private static void FillMemory(in Instruction instruction, DecodeMode mode, int pageOffset, DecodedOp* op)
    {
        op->Flags |= OpFlags.Memory;
        var displacement = (long)instruction.MemoryDisplacement64;
        if (instruction.IsIPRelativeMemoryOperand)
        {
            op->Base = RegisterOffset.RipPage;
            op->AddressShift = instruction.MemoryBase == Register.EIP ? (byte)32 : (byte)0;
            if (displacement > int.MaxValue)
            {
                op->Index = RegisterOffset.Far;
                displacement -= (long)RegisterOffset.FarBytes;
            }
        }
        else
        {
            // The index of a gather is a vector, which its handler knows; its address size is then the displacement's.
            var index = instruction.MemoryIndex.IsVectorRegister() ? Register.None : instruction.MemoryIndex;
            var register = instruction.MemoryBase != Register.None ? instruction.MemoryBase : index;
            var sizeBytes = register == Register.None ? instruction.MemoryDisplSize : register.GetSize();
            if (instruction.MemoryBase != Register.None)
            {
                op->Base = RegisterMap.General(instruction.MemoryBase);
            }

            if (index != Register.None)
            {
                op->Index = RegisterMap.General(index);
            }

            if (instruction.MemoryIndex != Register.None)
            {
                op->Scale = (byte)System.Numerics.BitOperations.Log2((uint)instruction.MemoryIndexScale);
            }

            op->AddressShift = sizeBytes switch { 8 => 0, 4 => 32, _ => 48 };
        }

        op->Displacement = (int)displacement;
        FillSegment(instruction.MemorySegment, instruction.MemoryBase is Register.RSP or Register.RBP or Register.ESP or Register.EBP, mode, op);
    }

    private static void FillSegment(Register segment, bool isStack, DecodeMode mode, DecodedOp* op)
    {
        var number = RegisterMap.Segment(segment);
        if ((mode & DecodeMode.Code64) != 0)
        {
            if (number >= (int)X86Segment.Fs)
            {
                op->SegmentBase = RegisterOffset.SegmentBase(number);
            }
            else
            {
                // Prefixes of the other segments mean nothing, not even for #SS against #GP.
                number = (int)(isStack ? X86Segment.Ss : X86Segment.Ds);
            }
        }
        else if ((mode & DecodeMode.FlatData) == 0 || number is not ((int)X86Segment.Es or (int)X86Segment.Ss or (int)X86Segment.Ds))
        {
            op->Flags |= OpFlags.CheckSegment;
            op->SegmentBase = RegisterOffset.SegmentBase(number);
        }

        op->Segment = (byte)number;
    }
}
