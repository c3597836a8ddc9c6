namespace Vivarium.X86;

/// <summary>IN, OUT and the I/O permission check (Intel SDM Vol. 1 §19.5).</summary>
internal static unsafe class PortOps
{
    private const int Rax = 0;
    private const int Rdx = 2;
    private const ulong IoMapBaseOffset = 102;

    /// <summary>IN al/ax/eax, imm8; the size is <see cref="DecodedOp.Size"/>.</summary>
    public static bool InImmediate(CpuCore c, DecodedOp* op) => In(c, op, (ushort)(byte)op->Immediate);

    public static bool InDx(CpuCore c, DecodedOp* op) => In(c, op, (ushort)c.State->Gpr[Rdx]);

    public static bool OutImmediate(CpuCore c, DecodedOp* op) => Out(c, op, (ushort)(byte)op->Immediate);

    public static bool OutDx(CpuCore c, DecodedOp* op) => Out(c, op, (ushort)c.State->Gpr[Rdx]);

    /// <summary>Reads a port. The vCPU counts as parked meanwhile, as the bus may wait for the device lock.</summary>
    public static uint Read(CpuCore c, ushort port, int sizeBytes)
    {
        c.NotePortAccess(port, sizeBytes);
        c.Revocation?.Leave();
        var value = c.PortIo.ReadPort(port, sizeBytes);
        c.Revocation?.Enter();
        return value;
    }

    /// <summary>Writes a port.</summary>
    public static void Write(CpuCore c, ushort port, int sizeBytes, uint value)
    {
        c.NotePortAccess(port, sizeBytes);
        c.Revocation?.Leave();
        c.PortIo.WritePort(port, sizeBytes, value);
        c.Revocation?.Enter();
    }

    /// <summary>In protected mode with CPL above IOPL, and in virtual-8086 mode, the TSS's bitmap decides. Records #GP(0).</summary>
    public static bool CheckPermission(CpuCore c, ushort port, int sizeBytes)
    {
        if (!c.IsProtected || (!c.IsVirtual8086 && c.State->Cpl <= c.Iopl))
        {
            return true;
        }

        ref var tr = ref c.State->Tr;
        var is32Bit = (tr.Attributes & 0xD) == 9;
        if (!tr.IsUsable || !is32Bit || tr.Limit < IoMapBaseOffset + 1)
        {
            return c.RaiseGp();
        }

        if (!c.TryReadSystem<ushort>(tr.Base + IoMapBaseOffset, out var mapBase))
        {
            return false;
        }

        var offset = mapBase + ((ulong)port >> 3);
        if (offset + 1 > tr.Limit)
        {
            return c.RaiseGp();
        }

        if (!c.TryReadSystem<ushort>(tr.Base + offset, out var bits))
        {
            return false;
        }

        return ((bits >> (port & 7)) & ((1UL << sizeBytes) - 1)) == 0 || c.RaiseGp();
    }

    private static bool In(CpuCore c, DecodedOp* op, ushort port)
    {
        if (!CheckPermission(c, port, op->Size) || !c.CanReachOut())
        {
            return false;
        }

        var value = Read(c, port, op->Size);
        switch (op->Size)
        {
            case 1: Width<byte>.Set(c.State, Rax, value); break;
            case 2: Width<ushort>.Set(c.State, Rax, value); break;
            default: Width<uint>.Set(c.State, Rax, value); break;
        }

        return true;
    }

    private static bool Out(CpuCore c, DecodedOp* op, ushort port)
    {
        if (!CheckPermission(c, port, op->Size) || !c.CanReachOut())
        {
            return false;
        }

        var mask = uint.MaxValue >> (32 - (8 * op->Size));
        Write(c, port, op->Size, (uint)c.State->Gpr[Rax] & mask);
        return true;
    }
}
