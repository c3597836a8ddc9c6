using System.Numerics;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>VPINSR, VPEXTR, VEXTRACTPS and VINSERTPS. The immediate selects the element, wrapping.</summary>
internal static unsafe class AvxElementHandlers
{
    public static bool Insert<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged
    {
        if (!AvxUnit.Enter(core) || !SseUnit.TrySource(core, op, out T value))
        {
            return false;
        }

        var result = *AvxUnit.First<Vector128<byte>>(core, op);
        AvxUnit.Write(core, op, result.As<byte, T>().WithElement(ElementHandlers.Index<T>(op), value).AsByte());
        return true;
    }

    /// <summary>To a general register, zero-extended.</summary>
    public static bool Extract<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryInteger<T>
    {
        if (!AvxUnit.Enter(core))
        {
            return false;
        }

        *SseUnit.Destination<ulong>(core, op) = ulong.CreateTruncating(SseUnit.Register<T>(core, op->Reg2)[ElementHandlers.Index<T>(op)]);
        return true;
    }

    /// <summary>To memory.</summary>
    public static bool ExtractToMemory<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged => AvxUnit.Enter(core) && core.TryStore(op, SseUnit.Register<T>(core, op->Reg2)[ElementHandlers.Index<T>(op)]);

    /// <summary>VINSERTPS from memory: bits 7:6 of the immediate do not apply.</summary>
    public static bool InsertSingleFromMemory(CpuCore core, DecodedOp* op)
    {
        if (!AvxUnit.Enter(core) || !core.TryLoad(op, out uint value))
        {
            return false;
        }

        var first = *AvxUnit.First<Vector128<byte>>(core, op);
        AvxUnit.Write(core, op, LaneShuffle.InsertSingle.Apply(first, Vector128.Create(value).AsByte(), (byte)op->Immediate));
        return true;
    }
}
