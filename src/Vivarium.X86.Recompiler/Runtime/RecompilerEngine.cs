using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Vivarium.X86;

/// <summary>
/// One vCPU's way through translated code: find or translate the block at RIP, enter it, and look at why it came back. Real-address, 16-bit
/// and segmented code is interpreted.
/// </summary>
internal sealed unsafe partial class RecompilerEngine : IExecutionEngine
{
    /// <summary>Instructions after which emitted code comes back at the latest to look at events.</summary>
    private const long SliceInstructions = 1 << 16;

    /// <summary>Crossings of a page within <see cref="CrossingPeriod"/> after which a group is given up.</summary>
    private const int MaxCrossings = 64;

    /// <summary>In units of 1,024 instructions. A crossing costs some hundred, so that those which stay cost some percent at most.</summary>
    private const uint CrossingPeriod = 1024;

    private readonly CodeCache _cache;
    private readonly CpuCore _core;
    private readonly CpuState* _state;
    private readonly EngineFields* _fields;
    private readonly JumpCacheEntry* _jumps;
    private readonly Interpreter _interpreter;
    private readonly BlockFinder _finder;
    private readonly BlockTranslator _translator = new();
    private readonly DecodedRun _run = new();
    private readonly Lock _signal = new();
    private readonly delegate* unmanaged<CpuState*, nint, int> _enter;
    private GCHandle _handle;
    private TranslationMode _mode;
    private int _generation;
    private bool _isDisposed;
    private Exception? _failure;
    private long _translationTicks;

    /// <summary>Instructions executed in emitted code before the current slice, and the length of that.</summary>
    private long _retired;
    private long _slice;

    /// <summary>The last slice was used up: what runs next is a sample of what runs often.</summary>
    private bool _isSampled;

    /// <summary>The block that runs next, alone, to see by which exit it is left; null if none does.</summary>
    private TranslatedBlock? _probed;

    /// <summary>Blocks that are to run like that.</summary>
    private int _probesLeft;

    public RecompilerEngine(CodeCache cache, VcpuMemory memory, CpuCore core, Interpreter interpreter)
    {
        _cache = cache;
        _core = core;
        _state = memory.State;
        _fields = (EngineFields*)((byte*)_state - VcpuMemory.EngineFieldsBytes);
        _interpreter = interpreter;
        _finder = interpreter.Finder;
        _jumps = (JumpCacheEntry*)((byte*)_state + JumpCacheEntry.TableOffset);
        _handle = GCHandle.Alloc(this, GCHandleType.Weak);
        _fields->EngineHandle = GCHandle.ToIntPtr(_handle);
        _fields->Interpret = (nint)(delegate* unmanaged<CpuState*, int, ulong, int>)&OnInterpret;
        _fields->HostMxcsr = HostMxcsr;
        var image = new Span<byte>((byte*)_state + X87Image.Offset, X87Image.SizeBytes);
        image.Clear();
        BitConverter.TryWriteBytes(image[X87Image.HostControlOffset..], X87Image.HostControl);
        EmptyCells(isUser: true);
        EmptyCells(isUser: false);
        _enter = (delegate* unmanaged<CpuState*, nint, int>)cache.ExecutableOf(cache.Thunks.Enter);
        _generation = cache.Generation;
    }

    /// <summary>Guest instructions translated.</summary>
    public long Translated { get; private set; }

    /// <summary>Blocks translated.</summary>
    public long Blocks { get; private set; }

    public TimeSpan TranslationTime => TimeSpan.FromTicks(_translationTicks * TimeSpan.TicksPerSecond / NanosecondsPerSecond);

    private const long NanosecondsPerSecond = 1_000_000_000;

    /// <summary>How often emitted code was entered.</summary>
    public long Entries { get; private set; }

    /// <summary>.NET runs with every SIMD exception masked, rounding to nearest.</summary>
    private const uint HostMxcsr = 0x1F80;

    /// <inheritdoc/>
    public long Execute(long budget)
    {
        if (_cache.Generation != _generation)
        {
            NoteEmptied();
        }

        if (!TryEnterMode())
        {
            return _interpreter.Execute(budget);
        }

        var left = budget;
        var edge = -1;
        while (true)
        {
            var code = FindCode(_state->Rip, edge);
            if (code == 0)
            {
                FlagImage.Load(_state, _fields, default);
                if (_core.Pending == PendingKind.StopAddress || (_core.Pending == PendingKind.None && _core.HasEvents))
                {
                    // What the last instruction held back is held back until this one ends.
                    return left;
                }

                _state->InterruptShadow = InterruptShadow.None;
                return _core.Pending != PendingKind.None ? left : InterpretOne(left);
            }

            var exit = Enter(code, ref left);
            if (exit == ExitCode.Interpreted)
            {
                if (left <= 0 || !IsOrdinary() || !TryEnterMode())
                {
                    return left;
                }

                edge = -1;
                continue;
            }

            edge = exit - ExitCode.FirstEdge;
            if (left <= 0 || _core.HasEvents)
            {
                FlagImage.Load(_state, _fields, default);
                return left;
            }
        }
    }

    /// <summary>The cache was emptied: nothing that was remembered of it holds.</summary>
    private void NoteEmptied()
    {
        _generation = _cache.Generation;
        _core.Tlb.Sites.Flush();
        _finder.NewContext();
    }

    /// <summary>Takes over from the interpreter's view of the state; false where code is interpreted.</summary>
    private bool TryEnterMode()
    {
        _finder.Refresh();
        _mode = CurrentMode();
        if (!IsTranslatable(_mode))
        {
            return false;
        }

        SetContext();
        FlagImage.Store(_state, _fields);
        return true;
    }

    /// <summary>Whether nothing waits for the processor's loop to look at it before the next instruction.</summary>
    private bool IsOrdinary() =>
        _core.Pending == PendingKind.None
        && _state->Activity == ActivityState.Active
        && _state->InterruptShadow == InterruptShadow.None
        && (_state->FlagSystem & (Rflags.Tf | Rflags.Rf)) == 0
        && _state->PendingDebug == 0
        && _core.PauseCount == 0
        && _cache.Generation == _generation
        && !_core.HasEvents
        && !_core.HasBreakpoints
        && (_state->NmiPending == 0 || _state->NmiMasked != 0)
        && ((_state->FlagSystem & Rflags.If) == 0 || _core.LocalApic is not { HasPendingInterrupt: true });

    /// <inheritdoc/>
    public void InvalidateCode(ulong pageGpa)
    {
        _core.Revocation?.Leave();
        lock (_cache.Gate)
        {
            _cache.Invalidate(pageGpa);
        }

        _core.Revocation?.Enter();
        _finder.NewContext();
    }

    /// <inheritdoc/>
    public void Clear()
    {
        lock (_cache.Gate)
        {
            _cache.Forget();
        }

        _finder.NewContext();
    }

    /// <inheritdoc/>
    public ulong? FindStaleCode()
    {
        _core.Revocation?.Leave();
        lock (_cache.Gate)
        {
            _core.Revocation?.Enter();
            return _cache.FindStale(_core.Memory);
        }
    }

    /// <inheritdoc/>
    public void HoldOffset(ulong address)
    {
        lock (_cache.Gate)
        {
            if (_cache.Stops.Hold(address))
            {
                _core.BeginExclusive();
                _cache.Empty();
                _core.EndExclusive();
            }
        }
    }

    /// <inheritdoc/>
    public void ReleaseOffset(ulong address)
    {
        lock (_cache.Gate)
        {
            _cache.Stops.Release(address);
        }
    }

    /// <inheritdoc/>
    public void Interrupt()
    {
        lock (_signal)
        {
            if (!_isDisposed)
            {
                // The code tests for less or equal: the sign ends its slice at the next way out of a block.
                Interlocked.Or(ref _fields->Counter, long.MinValue);
            }
        }
    }

    public void Dispose()
    {
        lock (_signal)
        {
            _isDisposed = true;
        }

        lock (_cache.Gate)
        {
            _cache.Sites.Leave(_core.Tlb.Sites);
        }

        _handle.Free();
        _run.Dispose();
    }

    private static bool IsTranslatable(TranslationMode mode)
    {
        const DecodeMode Flat32 = DecodeMode.Code32 | DecodeMode.FlatCode | DecodeMode.FlatData;
        var decode = (DecodeMode)(mode & TranslationMode.DecodeMask);
        return (decode & DecodeMode.Code64) != 0 || (decode & (Flat32 | DecodeMode.Real)) == Flat32;
    }

    private TranslationMode CurrentMode()
    {
        var mode = (TranslationMode)_finder.Mode | (TranslationMode)((int)_core.Mode << (int)TranslationMode.MmuShift);
        const uint MaskedExceptions = 0x1F80;
        if ((_state->Cr0 & (SseUnit.Cr0Emulation | SseUnit.Cr0TaskSwitched)) == 0
            && (_state->Cr4 & ControlBits.Cr4OsFxsr) != 0
            && (_state->Mxcsr & MaskedExceptions) == MaskedExceptions)
        {
            mode |= TranslationMode.Vectors;
            const ulong WideState = XsaveLayout.SseBit | XsaveLayout.AvxBit;
            if ((_state->Cr4 & ControlBits.Cr4OsXsave) != 0 && (_state->Xcr0 & WideState) == WideState)
            {
                mode |= TranslationMode.WideVectors;
            }
        }

        const ushort MaskedX87 = 0x3F;
        if ((_state->Cr0 & (SseUnit.Cr0Emulation | SseUnit.Cr0TaskSwitched | SseUnit.Cr0NumericError)) == SseUnit.Cr0NumericError
            && (_state->Fcw & MaskedX87) == MaskedX87
            && (_state->Fsw & X87Unit.ErrorSummary) == 0)
        {
            mode |= TranslationMode.X87;
        }

        return mode;
    }

    private int Enter(nint code, ref long left)
    {
        var slice = Math.Min(left, _probed is null ? SliceInstructions : 1);
        _state->RipPage = _state->Rip & ~0xFFFUL;

        // An event posted between this store and the test may set the sign too early and be missed: the slice is short.
        Volatile.Write(ref _fields->Counter, slice);
        if (_core.HasEvents)
        {
            _probed = null;
            return ExitCode.Lookup;
        }

        Entries++;
        _slice = slice;
        _state->InterruptShadow = InterruptShadow.None;
        _fields->InterruptWaiting = _core.LocalApic is { HasPendingInterrupt: true } ? 1u : 0;
        var exit = _enter(_state, code);
        FollowMode();
        if (_failure is { } failure)
        {
            _failure = null;
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }

        // If an interrupter has flipped the sign, the two top bits differ.
        var counter = _fields->Counter;
        counter = (counter ^ (counter << 1)) < 0 ? counter ^ long.MinValue : counter;
        left -= slice - counter;
        _isSampled = counter <= 0 && _probed is null;
        _retired += slice - counter;
        if (_probed is { } probed)
        {
            _probed = null;
            _probesLeft--;
            probed.Exits.Note(exit == ExitCode.Interpreted ? 0 : slice - counter);
        }

        return exit;
    }

    /// <summary>What cannot be translated: code that is not in memory.</summary>
    private long InterpretOne(long left) => left - 1 + _interpreter.Execute(1);

    /// <summary>Host address of the code at RIP, translated if need be; 0 if a fault was recorded or it must be interpreted.</summary>
    private nint FindCode(ulong rip, int edge)
    {
        if (edge < 0 && !_isSampled && _probesLeft == 0 && JumpCacheEntry.Find(_jumps, rip, _fields->Context) is var known && known != null)
        {
            return known->Code;
        }

        if (_finder.IsStop(rip) || !_finder.TryLocate(rip, out var gpa))
        {
            return 0;
        }

        if (_core.HasEvents)
        {
            // Another processor may have written the code before it wrote the translation that was just read: then one of these says so.
            return 0;
        }

        var code = FindCode(rip, new BlockKey(gpa, DecodedRun.NoPage, _mode), edge);
        if (code == 0 && (gpa & 0xFFF) > 4096 - BlockDecoder.MaxInstructionBytes && _core.Memory.GetReadPage(gpa) != null
            && _finder.TryLocateNextPage(rip, out var next))
        {
            code = FindCode(rip, new BlockKey(gpa, next, _mode), -1);
        }

        return code;
    }

    private nint FindCode(ulong rip, in BlockKey key, int edge)
    {
        // The fetch may have been the first of its kind.
        SetContext();

        _core.Revocation?.Leave();
        lock (_cache.Gate)
        {
            _core.Revocation?.Enter();
            var block = _cache.Find(key) ?? Recall(key) ?? Translate(key, isHot: _cache.HotSamples == 0, rip, null);
            if (block is null)
            {
                return 0;
            }

            if (_isSampled)
            {
                _isSampled = false;
                block = Sample(block, rip);
            }

            _probesLeft = block.IsHot ? 0 : _probesLeft;
            _probed = _probesLeft == 0 ? null : block;

            if (edge >= 0 && _cache.Generation == _generation)
            {
                _cache.Link(edge, block);
            }

            if (_cache.Generation != _generation)
            {
                // A new context begins, which knows nothing of where this was fetched from.
                NoteEmptied();
                SetContext();
                return block.Code;
            }

            JumpCacheEntry.Put(_jumps, new JumpCacheEntry { Rip = rip, Context = _fields->Context, Code = block.Code, RipPage = rip & ~0xFFFUL });
            return block.Code;
        }
    }

    /// <summary>The block that was forgotten when its page was written, if its own bytes are what they were.</summary>
    private TranslatedBlock? Recall(in BlockKey key)
    {
        if (_cache.Forgotten(key) is not { } block)
        {
            return null;
        }

        var code = _finder.Claim(key.Gpa, block.Image.LengthBytes);
        if (!block.Image.Is(code))
        {
            return null;
        }

        _cache.Remember(block, code);
        return block;
    }

    private TranslatedBlock? Translate(in BlockKey key, bool isHot, ulong? rip, TranslatedBlock? previous)
    {
        if (!_cache.HasRoom)
        {
            _core.BeginExclusive();
            _cache.Empty();
            _core.EndExclusive();
        }

#pragma warning disable RS0030 // Time that the host spends, for reports; no guest sees it.
        var start = System.Diagnostics.Stopwatch.GetTimestamp();
        if (!(key.SecondPageGpa == DecodedRun.NoPage ? _finder.TryDecodeRun(key.Gpa, _run, _cache.Stops) : _finder.TryDecodeAcross(key.Gpa, key.SecondPageGpa, _run)))
        {
            return null;
        }

        _seams.Clear();
        if (isHot && key.SecondPageGpa == DecodedRun.NoPage)
        {
            FollowJumps(rip, previous);
        }

        var block = _translator.Translate(_cache, _run, _mode, isHot, previous?.Exits, CollectionsMarshal.AsSpan(_seams));
        Blocks++;
        Translated += _run.Count;
        _translationTicks += System.Diagnostics.Stopwatch.GetTimestamp() - start;
#pragma warning restore RS0030
        return block;
    }
}
