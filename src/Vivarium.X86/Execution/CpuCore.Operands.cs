using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>Memory operands of decoded operations: effective address, segment checks, access.</summary>
internal sealed unsafe partial class CpuCore
{
    /// <summary>The offset of the memory operand in its segment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong EffectiveAddress(DecodedOp* op)
    {
        var s = (byte*)State;
        var address = *(ulong*)(s + op->Base) + (*(ulong*)(s + op->Index) << op->Scale) + (ulong)(long)op->Displacement;
        return address << op->AddressShift >> op->AddressShift;
    }

    /// <summary>The linear address of the memory operand, segment checks not made.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong LinearAddress(DecodedOp* op) => EffectiveAddress(op) + *(ulong*)((byte*)State + op->SegmentBase);

    /// <summary>The linear address of the memory operand after checks of its segment's limit and rights.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryLinear(DecodedOp* op, int sizeBytes, PageAccess access, out ulong linear)
    {
        if ((op->Flags & OpFlags.CheckSegment) == 0)
        {
            linear = LinearAddress(op);
            return true;
        }

        return TrySegment(op->Segment, EffectiveAddress(op), sizeBytes, access, out linear);
    }

    /// <summary>Reads the memory operand, zero-extended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryLoadOperand<T>(DecodedOp* op, out ulong value)
        where T : unmanaged
    {
        if (TryLinear(op, sizeof(T), PageAccess.Read, out var linear))
        {
            return TryRead<T>(linear, op->Segment, out value);
        }

        value = 0;
        return false;
    }

    /// <summary>Writes the memory operand.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryStoreOperand<T>(DecodedOp* op, ulong value)
        where T : unmanaged =>
        TryLinear(op, sizeof(T), PageAccess.Write, out var linear) && TryWrite<T>(linear, op->Segment, value);

    /// <summary>Reads the memory operand (1, 2, 4, 8 or 16 bytes, any alignment).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryLoad<T>(DecodedOp* op, out T value)
        where T : unmanaged
    {
        Unsafe.SkipInit(out value);
        if (!TryLinear(op, sizeof(T), PageAccess.Read, out var linear))
        {
            return false;
        }

        var host = CachedRead(linear, sizeof(T));
        if (host != null)
        {
            value = Unsafe.ReadUnaligned<T>(host);
            return true;
        }

        fixed (T* p = &value)
        {
            return CheckAlignment(linear, sizeof(T), op->Segment) && TryReadBytes(linear, op->Segment, new Span<byte>(p, sizeof(T)));
        }
    }

    /// <summary>Writes the memory operand (1, 2, 4, 8 or 16 bytes, any alignment).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryStore<T>(DecodedOp* op, T value)
        where T : unmanaged
    {
        if (!TryLinear(op, sizeof(T), PageAccess.Write, out var linear))
        {
            return false;
        }

        var host = CachedWrite(linear, sizeof(T));
        if (host != null)
        {
            Unsafe.WriteUnaligned(host, value);
            return true;
        }

        return CheckAlignment(linear, sizeof(T), op->Segment) && TryWriteBytes(linear, op->Segment, new ReadOnlySpan<byte>(&value, sizeof(T)));
    }

    /// <summary>Reads a memory operand of 80 bits.</summary>
    public bool TryLoadExtended(DecodedOp* op, out Float80 value)
    {
        fixed (Float80* p = &value)
        {
            return TryLinear(op, Float80.SizeBytes, PageAccess.Read, out var linear)
                && CheckAlignment(linear, Float80.SizeBytes, op->Segment)
                && TryReadBytes(linear, op->Segment, new Span<byte>(p, Float80.SizeBytes));
        }
    }

    /// <summary>Writes a memory operand of 80 bits.</summary>
    public bool TryStoreExtended(DecodedOp* op, Float80 value) =>
        TryLinear(op, Float80.SizeBytes, PageAccess.Write, out var linear)
        && CheckAlignment(linear, Float80.SizeBytes, op->Segment)
        && TryWriteBytes(linear, op->Segment, new ReadOnlySpan<byte>(&value, Float80.SizeBytes));

    /// <summary>Reads a memory operand of several parts, the largest of which has <paramref name="partBytes"/>.</summary>
    public bool TryLoadParts(DecodedOp* op, int partBytes, Span<byte> destination) =>
        TryLinear(op, destination.Length, PageAccess.Read, out var linear)
        && CheckAlignment(linear, partBytes, op->Segment)
        && TryReadBytes(linear, op->Segment, destination);

    /// <summary>Writes a memory operand of several parts, the largest of which has <paramref name="partBytes"/>.</summary>
    public bool TryStoreParts(DecodedOp* op, int partBytes, ReadOnlySpan<byte> source) =>
        TryLinear(op, source.Length, PageAccess.Write, out var linear)
        && CheckAlignment(linear, partBytes, op->Segment)
        && TryWriteBytes(linear, op->Segment, source);

    /// <summary>Reads a memory operand of any length up to 4,096 bytes, starting <paramref name="offset"/> bytes into it. All or nothing.</summary>
    public bool TryLoadBytes(DecodedOp* op, int offset, Span<byte> destination) =>
        TryLinearAt(op, offset, destination.Length, PageAccess.Read, out var linear) && TryReadBytes(linear, op->Segment, destination);

    /// <summary>Writes a memory operand of any length up to 4,096 bytes, starting <paramref name="offset"/> bytes into it. All or nothing.</summary>
    public bool TryStoreBytes(DecodedOp* op, int offset, ReadOnlySpan<byte> source) =>
        TryLinearAt(op, offset, source.Length, PageAccess.Write, out var linear) && TryWriteBytes(linear, op->Segment, source);

    /// <summary>Checks a segment's limit and rights (Intel SDM Vol. 3A §5.3) and adds its base. Records #GP or #SS.</summary>
    public bool TrySegment(int segment, ulong offset, int sizeBytes, PageAccess access, out ulong linear)
    {
        ref var register = ref Segment(segment);
        if (Is64BitCode)
        {
            linear = offset + (segment >= (int)X86Segment.Fs ? register.Base : 0);
            return true;
        }

        linear = (uint)(register.Base + offset);
        var attributes = register.Attributes;
        var isCode = (attributes & 8) != 0;
        var permitted = register.IsUsable && access switch
        {
            PageAccess.Write => !isCode && (attributes & 2) != 0,
            _ => !isCode || (attributes & 2) != 0,
        };
        if (permitted)
        {
            var last = offset + (ulong)sizeBytes - 1;
            if (!isCode && (attributes & 4) != 0)
            {
                var top = (attributes & SegmentRegister.Default32) != 0 ? uint.MaxValue : ushort.MaxValue;
                permitted = offset > register.Limit && last <= top;
            }
            else
            {
                permitted = last <= register.Limit;
            }
        }

        return permitted || Raise(segment == (int)X86Segment.Ss ? ExceptionVector.StackFault : ExceptionVector.GeneralProtection);
    }

    /// <summary>A segment register by number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref SegmentRegister Segment(int number) => ref (&State->Es)[number];

    private bool TryLinearAt(DecodedOp* op, int offset, int sizeBytes, PageAccess access, out ulong linear)
    {
        var address = EffectiveAddress(op) + (ulong)offset;
        if ((op->Flags & OpFlags.CheckSegment) != 0)
        {
            return TrySegment(op->Segment, address << op->AddressShift >> op->AddressShift, sizeBytes, access, out linear);
        }

        // The address size limits where the operand starts, not where it ends.

        linear = address + *(ulong*)((byte*)State + op->SegmentBase);
        return true;
    }
}
