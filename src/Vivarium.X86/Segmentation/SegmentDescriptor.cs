namespace Vivarium.X86;

/// <summary>An entry of the GDT, LDT or IDT (Intel SDM Vol. 3A §3.4.5, §5.8, §6.11).</summary>
internal readonly struct SegmentDescriptor(ulong low, ulong high = 0)
{
    /// <summary>Types of system descriptors (S = 0).</summary>
    public const int Tss16Available = 1;
    public const int Ldt = 2;
    public const int Tss16Busy = 3;
    public const int CallGate16 = 4;
    public const int TaskGate = 5;
    public const int InterruptGate16 = 6;
    public const int TrapGate16 = 7;
    public const int Tss32Available = 9;
    public const int Tss32Busy = 11;
    public const int CallGate32 = 12;
    public const int InterruptGate32 = 14;
    public const int TrapGate32 = 15;

    public ulong Low { get; } = low;

    /// <summary>Access rights as <see cref="SegmentRegister.Attributes"/> has them.</summary>
    public uint Attributes => (uint)(Low >> 40) & 0xF0FF;

    public int Type => (int)(Low >> 40) & 15;

    public bool IsCodeOrData => (Low & (1UL << 44)) != 0;

    public bool IsCode => (Type & 8) != 0;

    public bool IsConforming => (Type & 4) != 0;

    /// <summary>Of code: readable. Of data: writable.</summary>
    public bool IsReadableOrWritable => (Type & 2) != 0;

    public int Dpl => (int)(Low >> 45) & 3;

    public bool IsPresent => (Low & (1UL << 47)) != 0;

    public bool IsLong => (Low & (1UL << 53)) != 0;

    public bool IsDefault32 => (Low & (1UL << 54)) != 0;

    public uint Base => (uint)((Low >> 16) & 0xFFFFFF) | ((uint)(Low >> 56) << 24);

    /// <summary>The base of a 16-byte system descriptor in IA-32e mode.</summary>
    public ulong Base64 => Base | ((high & 0xFFFFFFFF) << 32);

    public uint Limit
    {
        get
        {
            var limit = (uint)(Low & 0xFFFF) | ((uint)(Low >> 32) & 0xF0000);
            return (Low & (1UL << 55)) != 0 ? (limit << 12) | 0xFFF : limit;
        }
    }

    public ushort GateSelector => (ushort)(Low >> 16);

    public ulong GateOffset16 => Low & 0xFFFF;

    public ulong GateOffset32 => (Low & 0xFFFF) | ((Low >> 32) & 0xFFFF0000);

    public ulong GateOffset64 => GateOffset32 | (high << 32);

    /// <summary>Parameters that a call gate copies.</summary>
    public int GateParameterCount => (int)(Low >> 32) & 31;

    /// <summary>The interrupt stack table entry of a 64-bit interrupt gate, 0 for none.</summary>
    public int InterruptStackTable => (int)(Low >> 32) & 7;

    /// <summary>Whether a 16-byte descriptor's type bits in its upper half are zero and its base is canonical.</summary>
    public bool IsValidSystem64 => HasValidUpperType && (ulong)((long)(Base64 << 16) >> 16) == Base64;

    /// <summary>Upper bits of a 16-byte descriptor that must be zero.</summary>
    public bool HasValidUpperType => ((high >> 40) & 0x1F) == 0;

    /// <summary>Fills a segment register's hidden part.</summary>
    public SegmentRegister ToRegister(ushort selector) => new()
    {
        Selector = selector,
        Base = Base,
        Limit = Limit,
        Attributes = Attributes,
    };
}
