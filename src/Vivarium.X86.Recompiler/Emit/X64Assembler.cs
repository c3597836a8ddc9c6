using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>
/// Writes x64 instructions into the writable view of the code cache. It checks no room: <see cref="CodeCache.HasRoom"/> was asked before the
/// block. Intel SDM Vol. 2A §2.1–2.3.
/// </summary>
internal sealed unsafe partial class X64Assembler
{
    private byte* _next;

    /// <summary>Where the next byte goes.</summary>
    public byte* Position => _next;

    /// <summary>Starts to write at a place.</summary>
    public void Begin(byte* start) => _next = start;

    public void Byte(int value) => *_next++ = (byte)value;

    public void Int32(int value)
    {
        // SAFETY: the caller has asked for room.
        *(int*)_next = value;
        _next += sizeof(int);
    }

    public void Bytes(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(new Span<byte>(_next, bytes.Length));
        _next += bytes.Length;
    }

    /// <summary>REX where it is needed: W, the high bits of reg, index and base, or <paramref name="force"/> for SPL to DIL.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Rex(bool wide, int reg, int index, int rmOrBase, bool force = false)
    {
        var rex = (wide ? 8 : 0) | ((reg >> 3 & 1) << 2) | ((index >> 3 & 1) << 1) | (rmOrBase >> 3 & 1);
        if (rex != 0 || force)
        {
            Byte(0x40 | rex);
        }
    }

    /// <summary>ModRM with a register.</summary>
    public void ModRm(int reg, int rm) => Byte(0xC0 | ((reg & 7) << 3) | (rm & 7));

    /// <summary>ModRM, SIB and displacement of a memory operand.</summary>
    public void ModRm(int reg, in HostOperand memory)
    {
        var field = (reg & 7) << 3;
        var displacement = memory.Displacement;
        if (memory.Base == HostRegister.None)
        {
            // No base: SIB with base 101b and a 32-bit displacement.
            Byte(field | 4);
            Byte((memory.Scale << 6) | ((memory.Index == HostRegister.None ? 4 : memory.Index & 7) << 3) | 5);
            Int32(displacement);
            return;
        }

        var mode = displacement == 0 && (memory.Base & 7) != 5 ? 0 : displacement == (sbyte)displacement ? 0x40 : 0x80;
        if (memory.Index != HostRegister.None || (memory.Base & 7) == 4)
        {
            Byte(mode | field | 4);
            Byte((memory.Scale << 6) | ((memory.Index == HostRegister.None ? 4 : memory.Index & 7) << 3) | (memory.Base & 7));
        }
        else
        {
            Byte(mode | field | (memory.Base & 7));
        }

        if (mode == 0x40)
        {
            Byte(displacement);
        }
        else if (mode == 0x80)
        {
            Int32(displacement);
        }
    }

    /// <summary>An instruction with a one-byte opcode, register and register.</summary>
    public void Op(int sizeBytes, int opcode, int reg, int rm)
    {
        Rex(sizeBytes == 8, reg, 0, rm);
        Byte(opcode);
        ModRm(reg, rm);
    }

    /// <summary>An instruction with a one-byte opcode, register and memory.</summary>
    public void Op(int sizeBytes, int opcode, int reg, in HostOperand memory)
    {
        Rex(sizeBytes == 8, reg, Math.Max(memory.Index, 0), Math.Max(memory.Base, 0));
        Byte(opcode);
        ModRm(reg, memory);
    }

    /// <summary>An instruction with a 0F opcode, register and memory.</summary>
    public void Op0F(int sizeBytes, int opcode, int reg, in HostOperand memory)
    {
        Rex(sizeBytes == 8, reg, Math.Max(memory.Index, 0), Math.Max(memory.Base, 0));
        Byte(0x0F);
        Byte(opcode);
        ModRm(reg, memory);
    }

    /// <summary>Executable-relative patch of a 32-bit displacement that ends at <c>at + 4</c>.</summary>
    public static void PatchRelative(byte* at, byte* target) => *(int*)at = (int)(target - (at + sizeof(int)));
}
