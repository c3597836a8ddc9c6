using System.Buffers.Binary;
using Vivarium.X86;

namespace Vivarium.Debugging;

/// <summary>Loads a segment register with its hidden part, without the checks of a guest's load but for those that keep the processor's state sound.</summary>
internal static unsafe class SegmentWriter
{
    private const uint RealLimit = 0xFFFF;
    private const uint RealData = 0x93;
    private const uint RealCode = 0x9B;
    private const uint VirtualData = 0xF3;

    /// <summary>False if there is no such descriptor, or it would change the privilege level or the mode.</summary>
    public static bool TryWrite(CpuDebugger cpu, int segment, ulong value)
    {
        var core = cpu.Core;
        if (value > ushort.MaxValue)
        {
            return false;
        }

        var selector = (ushort)value;
        if (core.IsRealOrVirtual8086)
        {
            Set(core, segment, new SegmentRegister
            {
                Selector = selector,
                Base = (ulong)selector << 4,
                Limit = RealLimit,
                Attributes = core.IsVirtual8086 ? VirtualData : segment == (int)X86Segment.Cs ? RealCode : RealData,
            });
            return true;
        }

        if ((selector & ~3) == 0)
        {
            var isData = segment is not ((int)X86Segment.Cs or (int)X86Segment.Ss);
            if (isData)
            {
                Set(core, segment, new SegmentRegister { Selector = selector, Attributes = SegmentRegister.Unusable });
            }

            return isData;
        }

        if (!TryReadDescriptor(cpu, selector, out var descriptor) || !descriptor.IsPresent || !descriptor.IsCodeOrData)
        {
            return false;
        }

        var isPrivileged = segment is (int)X86Segment.Cs or (int)X86Segment.Ss;
        if ((segment == (int)X86Segment.Cs) != descriptor.IsCode || (isPrivileged && (descriptor.Dpl != (int)core.State->Cpl || (selector & 3) != (int)core.State->Cpl)))
        {
            return false;
        }

        Set(core, segment, descriptor.ToRegister(selector));
        return true;
    }

    private static void Set(CpuCore core, int segment, SegmentRegister register)
    {
        core.Segment(segment) = register;
        core.UpdateMode();
    }

    private static bool TryReadDescriptor(CpuDebugger cpu, ushort selector, out SegmentDescriptor descriptor)
    {
        var s = cpu.Core.State;
        var isLocal = (selector & 4) != 0;
        var tableBase = isLocal ? s->Ldtr.Base : s->GdtBase;
        var tableLimit = isLocal ? s->Ldtr.IsUsable ? s->Ldtr.Limit : 0 : s->GdtLimit;
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        var offset = selector & ~7u;
        var found = offset + 7 <= tableLimit && cpu.Probe.Read(tableBase + offset, bytes) == bytes.Length;
        descriptor = new SegmentDescriptor(found ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : 0);
        return found;
    }
}
