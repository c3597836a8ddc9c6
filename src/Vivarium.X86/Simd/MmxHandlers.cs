using System.Runtime.Intrinsics;

namespace Vivarium.X86;

/// <summary>Handlers of vector operations on MMX registers: the 128-bit operations on operands placed so that 64 bits of the result are it.</summary>
internal static unsafe class MmxHandlers
{
    /// <summary>Operations that keep to their lane: operands and result in the low half.</summary>
    public static bool Binary<TOperation>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorBinary
    {
        if (!MmxUnit.Enter(core) || !SseUnit.TrySource(core, op, out ulong source))
        {
            return false;
        }

        var result = TOperation.Apply(Low(*SseUnit.Destination<ulong>(core, op)), Low(source));
        MmxUnit.Write(core, op->Reg1, result.AsUInt64().ToScalar());
        return true;
    }

    /// <summary>Packing and horizontal operations: both operands make one vector, whose packed low half is the result.</summary>
    public static bool Joined<TOperation>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorBinary
    {
        if (!MmxUnit.Enter(core) || !SseUnit.TrySource(core, op, out ulong source))
        {
            return false;
        }

        var both = Vector128.Create(*SseUnit.Destination<ulong>(core, op), source).AsByte();
        MmxUnit.Write(core, op->Reg1, TOperation.Apply(both, both).AsUInt64().ToScalar());
        return true;
    }

    /// <summary>PUNPCKL: the low half of the interleaved registers. Memory sources have 4 bytes.</summary>
    public static bool UnpackLow<TOperation>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorBinary
    {
        if (!MmxUnit.Enter(core) || !SseUnit.TrySource(core, op, out uint source))
        {
            return false;
        }

        var result = TOperation.Apply(Low(*SseUnit.Destination<ulong>(core, op)), Low(source));
        MmxUnit.Write(core, op->Reg1, result.AsUInt64().ToScalar());
        return true;
    }

    /// <summary>PUNPCKH: the high half of the low registers interleaved.</summary>
    public static bool UnpackHigh<TOperation>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorBinary
    {
        if (!MmxUnit.Enter(core) || !SseUnit.TrySource(core, op, out ulong source))
        {
            return false;
        }

        var result = TOperation.Apply(Low(*SseUnit.Destination<ulong>(core, op)), Low(source));
        MmxUnit.Write(core, op->Reg1, result.AsUInt64().GetElement(1));
        return true;
    }

    public static bool ShiftByRegister<TOperation>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorShift
    {
        if (!MmxUnit.Enter(core) || !SseUnit.TrySource(core, op, out ulong count))
        {
            return false;
        }

        MmxUnit.Write(core, op->Reg1, TOperation.Apply(Low(*SseUnit.Destination<ulong>(core, op)), count).AsUInt64().ToScalar());
        return true;
    }

    public static bool ShiftByImmediate<TOperation>(CpuCore core, DecodedOp* op)
        where TOperation : struct, IVectorShift
    {
        if (!MmxUnit.Enter(core))
        {
            return false;
        }

        var result = TOperation.Apply(Low(*SseUnit.Destination<ulong>(core, op)), (byte)op->Immediate);
        MmxUnit.Write(core, op->Reg1, result.AsUInt64().ToScalar());
        return true;
    }

    /// <summary>PSHUFW.</summary>
    public static bool ShuffleWords(CpuCore core, DecodedOp* op)
    {
        if (!MmxUnit.Enter(core) || !SseUnit.TrySource(core, op, out ulong source))
        {
            return false;
        }

        var result = LaneShuffle.LowWords.Apply(Vector128<byte>.Zero, Low(source), (byte)op->Immediate);
        MmxUnit.Write(core, op->Reg1, result.AsUInt64().ToScalar());
        return true;
    }

    /// <summary>PSHUFB: indices wrap at 8.</summary>
    public static bool ShuffleBytes(CpuCore core, DecodedOp* op)
    {
        if (!MmxUnit.Enter(core) || !SseUnit.TrySource(core, op, out ulong source))
        {
            return false;
        }

        var indices = Low(source) & Vector128.Create((byte)0x87);
        var result = LaneShuffle.Bytes.Apply(Low(*SseUnit.Destination<ulong>(core, op)), indices);
        MmxUnit.Write(core, op->Reg1, result.AsUInt64().ToScalar());
        return true;
    }

    /// <summary>PALIGNR: 16 bytes shifted right, at most all of them.</summary>
    public static bool AlignRight(CpuCore core, DecodedOp* op)
    {
        if (!MmxUnit.Enter(core) || !SseUnit.TrySource(core, op, out ulong source))
        {
            return false;
        }

        var both = Vector128.Create(source, *SseUnit.Destination<ulong>(core, op)).AsByte();
        MmxUnit.Write(core, op->Reg1, LaneShift.RightBytes.Apply(both, (byte)op->Immediate).AsUInt64().ToScalar());
        return true;
    }

    private static Vector128<byte> Low(ulong value) => Vector128.CreateScalar(value).AsByte();
}
