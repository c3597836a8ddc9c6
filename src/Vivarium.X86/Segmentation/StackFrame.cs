namespace Vivarium.X86;

/// <summary>Builds a frame on a stack that becomes current only when the whole frame was written.</summary>
internal unsafe ref struct StackFrame
{
    private readonly CpuCore _core;
    private readonly InnerStack _stack;
    private readonly MmuMode _mode;
    private readonly ulong _mask;
    private readonly uint _external;
    private ulong _rsp;

    /// <summary>A frame on an inner level's stack, written with that level's rights.</summary>
    public StackFrame(CpuCore core, InnerStack stack, int cpl, uint external)
    {
        _external = external;
        _core = core;
        _stack = stack;
        _rsp = stack.Rsp;
        _mode = cpl == 3 ? MmuMode.User : MmuMode.Supervisor;
        _mask = core.IsLongMode ? ulong.MaxValue : (stack.Ss.Attributes & SegmentRegister.Default32) != 0 ? uint.MaxValue : ushort.MaxValue;
    }

    /// <summary>Aligns the stack to 16 bytes, as 64-bit interrupt delivery does.</summary>
    public void Align16() => _rsp &= ~15UL;

    public bool TryPush(int sizeBytes, ulong value)
    {
        _rsp = (_rsp - (ulong)sizeBytes) & _mask;
        var linear = _rsp;
        if (!_core.IsLongMode)
        {
            var ss = _stack.Ss;
            var last = _rsp + (ulong)sizeBytes - 1;
            var fits = (ss.Attributes & 4) != 0 ? _rsp > ss.Limit && last <= _mask : last <= ss.Limit;
            if (!fits)
            {
                return _core.Raise(ExceptionVector.StackFault, DescriptorTables.ErrorCode(ss.Selector, _external));
            }

            linear = (uint)(ss.Base + _rsp);
        }

        return _core.TryWriteAs(linear, _mode, sizeBytes, value) || _core.FailPush(_external);
    }

    /// <summary>Makes the stack current.</summary>
    public readonly void Commit()
    {
        _core.State->Ss = _stack.Ss;
        _core.SetStackPointer(_mask, _rsp);
    }
}
