using System.Runtime.CompilerServices;

namespace Vivarium.X86;

/// <summary>
/// Operands that may be a register or memory. A destination is <see cref="DecodedOp.Reg1"/> or memory, a source
/// <see cref="DecodedOp.Reg2"/> or memory; an instruction has at most one in memory.
/// </summary>
internal static unsafe class Operand<T>
    where T : unmanaged
{
    /// <summary>Reads the source.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryGetSource(CpuCore c, DecodedOp* op, out ulong value)
    {
        if (op->HasMemory)
        {
            return c.TryLoadOperand<T>(op, out value);
        }

        value = Width<T>.Get(c.State, op->Reg2);
        return true;
    }

    /// <summary>Reads the destination.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryGet(CpuCore c, DecodedOp* op, out ulong value)
    {
        if (op->HasMemory)
        {
            return c.TryLoadOperand<T>(op, out value);
        }

        value = Width<T>.Get(c.State, op->Reg1);
        return true;
    }

    /// <summary>Writes the destination.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TrySet(CpuCore c, DecodedOp* op, ulong value)
    {
        if (op->HasMemory)
        {
            return c.TryStoreOperand<T>(op, value);
        }

        Width<T>.Set(c.State, op->Reg1, value);
        return true;
    }

    /// <summary>
    /// Replaces a locked memory operand: <c>new = TOp(old, source)</c> as one atomic step. Gives the old value; flags are the caller's.
    /// </summary>
    public static bool TryUpdateLocked<TUpdate>(CpuCore c, DecodedOp* op, ulong source, ulong extra, out ulong old)
        where TUpdate : struct, IAtomicUpdate
    {
        old = 0;
        if (!c.TryAtomicAddress(op, sizeof(T), out var linear, out var host))
        {
            return false;
        }

        if (host != null)
        {
            old = Width<T>.Read(host);
            while (true)
            {
                var seen = CpuCore.CompareExchange<T>(host, TUpdate.Apply(old, source, extra), old);
                if (seen == old)
                {
                    return true;
                }

                old = seen;
            }
        }

        // Translated anew, now that nobody else runs: another vCPU may have remapped the page while this one waited, and an instruction must not
        // read the old frame, by the tag it had, and write the new one.
        c.BeginExclusive();
        var done = c.TryReadForWrite<T>(linear, op->Segment, out old) && c.TryWriteUpdate<T>(linear, op->Segment, TUpdate.Apply(old, source, extra) & Width<T>.Mask);
        c.EndExclusive();
        return done;
    }
}

/// <summary>A pure function applied to memory in one atomic step; it may be applied more than once.</summary>
internal interface IAtomicUpdate
{
    static abstract ulong Apply(ulong old, ulong source, ulong extra);
}
