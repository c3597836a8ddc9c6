namespace Vivarium.X86;

/// <summary>A stack of an inner privilege level, read from the TSS.</summary>
internal readonly struct InnerStack(SegmentRegister ss, ulong rsp)
{
    public SegmentRegister Ss { get; } = ss;

    public ulong Rsp { get; } = rsp;
}

/// <summary>Finds the stack for a more privileged level (Intel SDM Vol. 3A §5.8.5, §6.14.4).</summary>
internal static unsafe class StackSwitch
{
    private const ulong Rsp0Offset64 = 4;
    private const ulong Ist1Offset64 = 36;

    /// <summary>Reads SSn:ESPn, RSPn or ISTn. Records #TS if the TSS is too short or its stack segment is wrong.</summary>
    public static bool TryRead(CpuCore c, int cpl, int interruptStack, uint external, out InnerStack stack)
    {
        stack = default;
        ref var tr = ref c.State->Tr;
        var tssCode = DescriptorTables.ErrorCode(tr.Selector, external);
        if (c.IsLongMode)
        {
            var offset = interruptStack != 0 ? Ist1Offset64 + (ulong)((interruptStack - 1) * 8) : Rsp0Offset64 + (ulong)(cpl * 8);
            if (offset + 7 > tr.Limit)
            {
                return c.Raise(ExceptionVector.InvalidTss, tssCode);
            }

            if (!c.TryReadSystem<ulong>(tr.Base + offset, out var rsp))
            {
                return false;
            }

            // In IA-32e mode the new SS is null with RPL = CPL.
            stack = new InnerStack(new SegmentRegister { Selector = (ushort)cpl, Attributes = SegmentRegister.Unusable | ((uint)cpl << 5) }, rsp);
            return true;
        }

        var is32Bit = (tr.Attributes & 8) != 0;
        var entry = is32Bit ? 4UL + (ulong)(cpl * 8) : 2UL + (ulong)(cpl * 4);
        if (entry + (is32Bit ? 5UL : 3UL) > tr.Limit)
        {
            return c.Raise(ExceptionVector.InvalidTss, tssCode);
        }

        ulong esp;
        if (!(is32Bit ? c.TryReadSystem<uint>(tr.Base + entry, out esp) : c.TryReadSystem<ushort>(tr.Base + entry, out esp))
            || !c.TryReadSystem<ushort>(tr.Base + entry + (is32Bit ? 4UL : 2UL), out var selector)
            || !SegmentLoader.TryCheckStack(c, (ushort)selector, cpl, ExceptionVector.InvalidTss, external, out var register))
        {
            return false;
        }

        stack = new InnerStack(register, esp);
        return true;
    }
}
