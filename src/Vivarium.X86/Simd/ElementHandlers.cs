using System.Numerics;
using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>PINSR, PEXTR, EXTRACTPS and INSERTPS. The immediate selects the element, wrapping.</summary>
internal static unsafe class ElementHandlers
{
    public static bool Insert<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged
    {
        if (!SseUnit.Enter(core) || !SseUnit.TrySource(core, op, out T value))
        {
            return false;
        }

        SseUnit.Destination<T>(core, op)[Index<T>(op)] = value;
        return true;
    }

    /// <summary>To a general register, zero-extended.</summary>
    public static bool Extract<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged, IBinaryInteger<T>
    {
        if (!SseUnit.Enter(core))
        {
            return false;
        }

        *SseUnit.Destination<ulong>(core, op) = ulong.CreateTruncating(SseUnit.Register<T>(core, op->Reg2)[Index<T>(op)]);
        return true;
    }

    /// <summary>To memory.</summary>
    public static bool ExtractToMemory<T>(CpuCore core, DecodedOp* op)
        where T : unmanaged => SseUnit.Enter(core) && core.TryStore(op, SseUnit.Register<T>(core, op->Reg2)[Index<T>(op)]);

    /// <summary>INSERTPS from memory: bits 7:6 of the immediate do not apply.</summary>
    public static bool InsertSingleFromMemory(CpuCore core, DecodedOp* op)
    {
        if (!SseUnit.Enter(core) || !core.TryLoad(op, out uint value))
        {
            return false;
        }

        var destination = SseUnit.Destination<Vector128<byte>>(core, op);
        *destination = LaneShuffle.InsertSingle.Apply(*destination, Vector128.Create(value).AsByte(), (byte)op->Immediate);
        return true;
    }

    /// <summary>The element that the immediate selects.</summary>
    public static int Index<T>(DecodedOp* op)
        where T : unmanaged => (int)op->Immediate & ((16 / sizeof(T)) - 1);
}
