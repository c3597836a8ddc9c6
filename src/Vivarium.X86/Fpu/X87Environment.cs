using System.Buffers.Binary;

namespace Vivarium.X86;

/// <summary>The environment of FSTENV and FLDENV: 14 or 28 bytes, laid out for protected or for real mode (Intel SDM Vol. 1 §8.1.10).</summary>
internal static unsafe class X87Environment
{
    public const int ShortBytes = 14;
    public const int LongBytes = 28;
    private const ulong ProtectionEnable = 1;

    /// <summary>Real-address and virtual-8086 mode store linear addresses.</summary>
    public static bool IsRealLayout(CpuState* state) => (state->Cr0 & ProtectionEnable) == 0 || (state->FlagSystem & Rflags.Vm) != 0;

    public static void Store(CpuState* state, Span<byte> image)
    {
        var wide = image.Length == LongBytes;
        Span<uint> fields = [state->Fcw, state->Fsw, X87Tags.Full(state), 0, 0, 0, 0];
        if (IsRealLayout(state))
        {
            var (instruction, data) = ((uint)state->Fip, (uint)state->Fdp);
            fields[3] = (ushort)instruction;
            fields[4] = (Upper(instruction, wide) << 12) | state->Fop;
            fields[5] = (ushort)data;
            fields[6] = Upper(data, wide) << 12;
        }
        else
        {
            fields[3] = (uint)state->Fip;
            fields[4] = state->Fcs | (wide ? (uint)state->Fop << 16 : 0);
            fields[5] = (uint)state->Fdp;
            fields[6] = state->Fds;
        }

        for (var i = 0; i < fields.Length; i++)
        {
            if (wide)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(image[(i * 4)..], fields[i] | ReservedOnes(i, IsRealLayout(state)));
            }
            else
            {
                BinaryPrimitives.WriteUInt16LittleEndian(image[(i * 2)..], (ushort)fields[i]);
            }
        }
    }

    public static void Load(CpuState* state, ReadOnlySpan<byte> image)
    {
        var wide = image.Length == LongBytes;
        Span<uint> fields = stackalloc uint[7];
        for (var i = 0; i < fields.Length; i++)
        {
            fields[i] = wide ? BinaryPrimitives.ReadUInt32LittleEndian(image[(i * 4)..]) : BinaryPrimitives.ReadUInt16LittleEndian(image[(i * 2)..]);
        }

        state->Fcw = (ushort)((fields[0] & X87Unit.ControlMask) | X87Unit.ControlFixed);
        state->Fsw = (ushort)fields[1];
        state->Ftw = Simplify((ushort)fields[2]);
        state->Fcs = 0;
        state->Fds = 0;
        if (IsRealLayout(state))
        {
            state->Fip = (ushort)fields[3] | ((fields[4] >> 12 & 0xFFFF) << 16);
            state->Fdp = (ushort)fields[5] | ((fields[6] >> 12 & 0xFFFF) << 16);
            state->Fop = (ushort)(fields[4] & 0x7FF);
        }
        else
        {
            state->Fip = fields[3];
            state->Fdp = fields[5];
            state->Fop = (ushort)((fields[4] >> 16) & 0x7FF);
        }

        X87Unit.UpdateSummary(state);
    }

    private static uint Upper(uint address, bool wide) => wide ? address >> 16 : (address >> 16) & 15;

    /// <summary>The upper halves of 16-bit fields in the 28-byte form read as ones.</summary>
    private static uint ReservedOnes(int field, bool realLayout) => field switch
    {
        0 or 1 or 2 => 0xFFFF0000,
        3 or 5 => realLayout ? 0xFFFF0000 : 0,
        6 => realLayout ? 0 : 0xFFFF0000,
        _ => 0,
    };

    /// <summary>Keeps of each tag only whether the register is empty.</summary>
    private static ushort Simplify(ushort tags)
    {
        var empty = tags & (tags >> 1) & 0x5555;
        return (ushort)(empty * 3);
    }
}
