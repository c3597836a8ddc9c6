using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>Operand widths for generic handlers: T is byte, ushort, uint or ulong. Everything folds to constants.</summary>
internal static unsafe class Width<T>
    where T : unmanaged
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => sizeof(T) * 8;
    }

    /// <summary>64 − width in bits.</summary>
    public static int Shift
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 64 - (sizeof(T) * 8);
    }

    public static ulong Mask
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ulong.MaxValue >> (64 - (sizeof(T) * 8));
    }

    public static ulong SignBit
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1UL << ((sizeof(T) * 8) - 1);
    }

    /// <summary>Sign-extends the low bits to 64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SignExtend(ulong value)
    {
        if (sizeof(T) == 1)
        {
            return (ulong)(sbyte)value;
        }

        if (sizeof(T) == 2)
        {
            return (ulong)(short)value;
        }

        return sizeof(T) == 4 ? (ulong)(int)value : value;
    }

    /// <summary>Reads a register, zero-extended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Get(CpuState* s, int offset) => Read((byte*)s + offset);

    /// <summary>Writes a register: 32-bit writes clear the upper half, narrower ones keep the rest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Set(CpuState* s, int offset, ulong value)
    {
        var p = (byte*)s + offset;
        if (sizeof(T) == 4)
        {
            *(ulong*)p = (uint)value;
        }
        else
        {
            Write(p, value);
        }
    }

    /// <summary>Reads host memory, zero-extended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Read(byte* p)
    {
        if (sizeof(T) == 1)
        {
            return *p;
        }

        if (sizeof(T) == 2)
        {
            return *(ushort*)p;
        }

        return sizeof(T) == 4 ? *(uint*)p : *(ulong*)p;
    }

    /// <summary>Writes the low bytes to host memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Write(byte* p, ulong value)
    {
        if (sizeof(T) == 1)
        {
            *p = (byte)value;
        }
        else if (sizeof(T) == 2)
        {
            *(ushort*)p = (ushort)value;
        }
        else if (sizeof(T) == 4)
        {
            *(uint*)p = (uint)value;
        }
        else
        {
            *(ulong*)p = value;
        }
    }
}
