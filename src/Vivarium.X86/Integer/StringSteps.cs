namespace Vivarium.X86;

/// <summary>MOVS.</summary>
internal readonly unsafe struct MovsStep : IStringStep
{
    public static bool Compares => false;

    public static (bool Rsi, bool Rdi) Writes => (true, true);

    public static bool Step<T>(CpuCore c, DecodedOp* op)
        where T : unmanaged
    {
        if (!StringRegisters.TrySource(c, op, sizeof(T), out var source)
            || !c.TryRead<T>(source, op->Segment, out var value)
            || !StringRegisters.TryDestination(c, op, sizeof(T), PageAccess.Write, out var destination)
            || !c.TryWrite<T>(destination, (int)X86Segment.Es, value))
        {
            return false;
        }

        StringRegisters.Advance(c.State, StringRegisters.Rsi, op, sizeof(T));
        StringRegisters.Advance(c.State, StringRegisters.Rdi, op, sizeof(T));
        return true;
    }

    public static ulong Bulk<T>(CpuCore c, DecodedOp* op, ulong count)
        where T : unmanaged
    {
        if ((op->Flags & OpFlags.CheckSegment) != 0
            || !StringRegisters.TrySource(c, op, sizeof(T), out var source)
            || !StringRegisters.TryDestination(c, op, sizeof(T), PageAccess.Write, out var destination))
        {
            return 0;
        }

        var s = c.State;
        count = StringRegisters.FitPage(s, StringRegisters.Rsi, op, source, count, sizeof(T));
        count = StringRegisters.FitPage(s, StringRegisters.Rdi, op, destination, count, sizeof(T));
        var bytes = (int)count * sizeof(T);
        if (count < 2)
        {
            return 0;
        }

        var below = StringRegisters.Below(s, bytes, sizeof(T));
        var from = c.CachedRead(source - below, bytes);
        var to = c.CachedWrite(destination - below, bytes);
        if (from == null || to == null || !StringBulk.TryCopy(from, to, bytes, sizeof(T), isDown: (s->FlagSystem & Rflags.Df) != 0))
        {
            return 0;
        }

        StringRegisters.Advance(s, StringRegisters.Rsi, op, bytes);
        StringRegisters.Advance(s, StringRegisters.Rdi, op, bytes);
        return count;
    }
}

/// <summary>STOS.</summary>
internal readonly unsafe struct StosStep : IStringStep
{
    public static bool Compares => false;

    public static (bool Rsi, bool Rdi) Writes => (false, true);

    public static bool Step<T>(CpuCore c, DecodedOp* op)
        where T : unmanaged
    {
        if (!StringRegisters.TryDestination(c, op, sizeof(T), PageAccess.Write, out var destination)
            || !c.TryWrite<T>(destination, (int)X86Segment.Es, Width<T>.Get(c.State, 0)))
        {
            return false;
        }

        StringRegisters.Advance(c.State, StringRegisters.Rdi, op, sizeof(T));
        return true;
    }

    public static ulong Bulk<T>(CpuCore c, DecodedOp* op, ulong count)
        where T : unmanaged
    {
        if ((op->Flags & OpFlags.CheckSegment) != 0 || !StringRegisters.TryDestination(c, op, sizeof(T), PageAccess.Write, out var destination))
        {
            return 0;
        }

        count = StringRegisters.FitPage(c.State, StringRegisters.Rdi, op, destination, count, sizeof(T));
        var bytes = (int)count * sizeof(T);
        var to = count < 2 ? null : c.CachedWrite(destination - StringRegisters.Below(c.State, bytes, sizeof(T)), bytes);
        if (to == null)
        {
            return 0;
        }

        var value = *(T*)&c.State->Gpr[0];
        new Span<T>(to, (int)count).Fill(value);
        StringRegisters.Advance(c.State, StringRegisters.Rdi, op, bytes);
        return count;
    }
}

/// <summary>LODS.</summary>
internal readonly unsafe struct LodsStep : IStringStep
{
    public static bool Compares => false;

    public static (bool Rsi, bool Rdi) Writes => (false, false);

    public static bool Step<T>(CpuCore c, DecodedOp* op)
        where T : unmanaged
    {
        if (!StringRegisters.TrySource(c, op, sizeof(T), out var source) || !c.TryRead<T>(source, op->Segment, out var value))
        {
            return false;
        }

        Width<T>.Set(c.State, 0, value);
        StringRegisters.Advance(c.State, StringRegisters.Rsi, op, sizeof(T));
        return true;
    }

    public static ulong Bulk<T>(CpuCore c, DecodedOp* op, ulong count)
        where T : unmanaged
    {
        if ((op->Flags & OpFlags.CheckSegment) != 0 || !StringRegisters.TrySource(c, op, sizeof(T), out var source))
        {
            return 0;
        }

        count = StringRegisters.FitPage(c.State, StringRegisters.Rsi, op, source, count, sizeof(T));
        var bytes = (int)count * sizeof(T);
        var below = StringRegisters.Below(c.State, bytes, sizeof(T));
        var from = count < 2 ? null : c.CachedRead(source - below, bytes);
        if (from == null)
        {
            return 0;
        }

        // Only the last element is seen.
        Width<T>.Set(c.State, 0, Width<T>.Read(below != 0 ? from : from + bytes - sizeof(T)));
        StringRegisters.Advance(c.State, StringRegisters.Rsi, op, bytes);
        return count;
    }
}

/// <summary>CMPS.</summary>
internal readonly unsafe struct CmpsStep : IStringStep
{
    public static bool Compares => true;

    public static (bool Rsi, bool Rdi) Writes => (false, false);

    public static bool Step<T>(CpuCore c, DecodedOp* op)
        where T : unmanaged
    {
        if (!StringRegisters.TrySource(c, op, sizeof(T), out var source)
            || !c.TryRead<T>(source, op->Segment, out var a)
            || !StringRegisters.TryDestination(c, op, sizeof(T), PageAccess.Read, out var destination)
            || !c.TryRead<T>(destination, (int)X86Segment.Es, out var b))
        {
            return false;
        }

        LazyFlags.SetSub<T>(c.State, a, b, a - b);
        StringRegisters.Advance(c.State, StringRegisters.Rsi, op, sizeof(T));
        StringRegisters.Advance(c.State, StringRegisters.Rdi, op, sizeof(T));
        return true;
    }

    public static ulong Bulk<T>(CpuCore c, DecodedOp* op, ulong count)
        where T : unmanaged
    {
        // REPNE CMPS and the way down are too rare to be worth it.
        var s = c.State;
        if ((op->Flags & (OpFlags.CheckSegment | OpFlags.Rep)) != OpFlags.Rep
            || (s->FlagSystem & Rflags.Df) != 0
            || !StringRegisters.TrySource(c, op, sizeof(T), out var source)
            || !StringRegisters.TryDestination(c, op, sizeof(T), PageAccess.Read, out var destination))
        {
            return 0;
        }

        count = StringRegisters.FitPage(s, StringRegisters.Rsi, op, source, count, sizeof(T));
        count = StringRegisters.FitPage(s, StringRegisters.Rdi, op, destination, count, sizeof(T));
        var bytes = (int)count * sizeof(T);
        var first = count < 2 ? null : c.CachedRead(source, bytes);
        var second = count < 2 ? null : c.CachedRead(destination, bytes);
        if (first == null || second == null)
        {
            return 0;
        }

        var equal = new ReadOnlySpan<T>(first, (int)count).CommonPrefixLength(new ReadOnlySpan<T>(second, (int)count));
        count = Math.Min(count, (ulong)equal + 1);
        bytes = (int)count * sizeof(T);
        var a = Width<T>.Read(first + bytes - sizeof(T));
        var b = Width<T>.Read(second + bytes - sizeof(T));
        LazyFlags.SetSub<T>(s, a, b, a - b);
        StringRegisters.Advance(s, StringRegisters.Rsi, op, bytes);
        StringRegisters.Advance(s, StringRegisters.Rdi, op, bytes);
        return count;
    }
}

/// <summary>SCAS.</summary>
internal readonly unsafe struct ScasStep : IStringStep
{
    public static bool Compares => true;

    public static (bool Rsi, bool Rdi) Writes => (false, false);

    public static bool Step<T>(CpuCore c, DecodedOp* op)
        where T : unmanaged
    {
        if (!StringRegisters.TryDestination(c, op, sizeof(T), PageAccess.Read, out var destination)
            || !c.TryRead<T>(destination, (int)X86Segment.Es, out var b))
        {
            return false;
        }

        var a = Width<T>.Get(c.State, 0);
        LazyFlags.SetSub<T>(c.State, a, b, a - b);
        StringRegisters.Advance(c.State, StringRegisters.Rdi, op, sizeof(T));
        return true;
    }

    public static ulong Bulk<T>(CpuCore c, DecodedOp* op, ulong count)
        where T : unmanaged
    {
        var s = c.State;
        if ((op->Flags & OpFlags.CheckSegment) != 0
            || (s->FlagSystem & Rflags.Df) != 0
            || !StringRegisters.TryDestination(c, op, sizeof(T), PageAccess.Read, out var destination))
        {
            return 0;
        }

        count = StringRegisters.FitPage(s, StringRegisters.Rdi, op, destination, count, sizeof(T));
        var bytes = (int)count * sizeof(T);
        var at = count < 2 ? null : c.CachedRead(destination, bytes);
        if (at == null)
        {
            return 0;
        }

        var a = Width<T>.Get(s, 0);
        var found = StringBulk.IndexOf<T>(at, (int)count, a, isEqual: (op->Flags & OpFlags.Rep) == 0);
        count = found < 0 ? count : (ulong)found + 1;
        bytes = (int)count * sizeof(T);
        var b = Width<T>.Read(at + bytes - sizeof(T));
        LazyFlags.SetSub<T>(s, a, b, a - b);
        StringRegisters.Advance(s, StringRegisters.Rdi, op, bytes);
        return count;
    }
}

/// <summary>INS: the port is in DX.</summary>
internal readonly unsafe struct InsStep : IStringStep
{
    public static bool Compares => false;

    public static (bool Rsi, bool Rdi) Writes => (false, false);

    public static bool Step<T>(CpuCore c, DecodedOp* op)
        where T : unmanaged
    {
        var port = (ushort)c.State->Gpr[2];
        if (!PortOps.CheckPermission(c, port, sizeof(T))
            || !StringRegisters.TryDestination(c, op, sizeof(T), PageAccess.Write, out var destination)
            || !c.TryReadForUpdate<T>(destination, (int)X86Segment.Es, out _)
            || !c.CanReachOut())
        {
            return false;
        }

        var value = PortOps.Read(c, port, sizeof(T));
        if (!c.TryWrite<T>(destination, (int)X86Segment.Es, value))
        {
            return false;
        }

        StringRegisters.Advance(c.State, StringRegisters.Rdi, op, sizeof(T));
        return true;
    }

    public static ulong Bulk<T>(CpuCore c, DecodedOp* op, ulong count)
        where T : unmanaged => 0;
}

/// <summary>OUTS: the port is in DX.</summary>
internal readonly unsafe struct OutsStep : IStringStep
{
    public static bool Compares => false;

    public static (bool Rsi, bool Rdi) Writes => (false, false);

    public static bool Step<T>(CpuCore c, DecodedOp* op)
        where T : unmanaged
    {
        var port = (ushort)c.State->Gpr[2];
        if (!PortOps.CheckPermission(c, port, sizeof(T))
            || !StringRegisters.TrySource(c, op, sizeof(T), out var source)
            || !c.TryRead<T>(source, op->Segment, out var value)
            || !c.CanReachOut())
        {
            return false;
        }

        PortOps.Write(c, port, sizeof(T), (uint)value);
        StringRegisters.Advance(c.State, StringRegisters.Rsi, op, sizeof(T));
        return true;
    }

    public static ulong Bulk<T>(CpuCore c, DecodedOp* op, ulong count)
        where T : unmanaged => 0;
}
