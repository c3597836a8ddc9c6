using Vivarium.Memory;

namespace Vivarium.X86;

/// <summary>From an instruction pointer to a decoded block: fetch translation, lookup, and decoding on a miss.</summary>
internal sealed unsafe class BlockFinder : IDisposable
{
    private const int FetchSlots = 256;

    private readonly CpuCore _core;
    private readonly BlockDecoder _decoder;
    private readonly FetchSlot[] _fetch = new FetchSlot[FetchSlots];
    private readonly DecodedOp[] _scratch = new DecodedOp[BlockDecoder.MaxInstructions + 1];
    private readonly byte[] _bytes = new byte[2 * BlockDecoder.MaxInstructionBytes];
    private Block* _alone;
    private uint _seenBlocks;
    private ulong _seenBase;
    private uint _seenLimit;

    public BlockFinder(CpuCore core)
    {
        _core = core;
        _decoder = new BlockDecoder(core.Model);
        _alone = (Block*)System.Runtime.InteropServices.NativeMemory.AllocZeroed((nuint)(sizeof(Block) + ((BlockDecoder.MaxInstructions + 1) * sizeof(DecodedOp))));
    }

    /// <summary>The blocks found so far.</summary>
    public BlockCache Cache { get; } = new();

    /// <summary>Mode for decoding what runs now.</summary>
    public DecodeMode Mode { get; private set; }

    /// <summary>Changes whenever what was found before for the same address may not hold any more; includes the mode.</summary>
    public ulong Context { get; private set; } = 1UL << 16;

    /// <summary>Addresses at which the processor stops before executing.</summary>
    public StopAddressSet StopAddresses { get; } = new();

    /// <summary>Recomputes <see cref="Mode"/> and <see cref="Context"/> after anything but straight execution.</summary>
    public void Refresh()
    {
        Mode = CurrentMode();
        if (Cache.Generation != _seenBlocks)
        {
            _seenBlocks = Cache.Generation;
            _core.FetchContexts.Renew();
        }

        // Outside flat code the same RIP means another address, or none, when CS changed.
        if ((Mode & DecodeMode.FlatCode) == 0 && (_core.State->Cs.Base != _seenBase || _core.State->Cs.Limit != _seenLimit))
        {
            _seenBase = _core.State->Cs.Base;
            _seenLimit = _core.State->Cs.Limit;
            _core.FetchContexts.Renew();
        }

        UpdateContext();
    }

    /// <summary>Takes over a mode that emitted code changed to.</summary>
    public void Follow(DecodeMode mode)
    {
        Mode = mode;
        UpdateContext();
    }

    /// <summary>The block at RIP, or null with a fault recorded.</summary>
    public Block* Find(ulong rip)
    {
        if (IsStop(rip) || !TryLinear(rip, out var linear) || !TryFetch(linear, out var gpa))
        {
            return null;
        }

        var block = Cache.Find(gpa, Mode);
        if (block == null)
        {
            return Decode(linear, gpa, BlockDecoder.MaxInstructions, cached: true);
        }

        // A block that runs into the next page is right only if that page is still where it was.
        if (block->CrossesPage && (!TryFetch(linear + block->LengthBytes - 1, out var end) || (end & ~0xFFFUL) != block->SecondPageGpa))
        {
            return _core.Pending != PendingKind.None ? null : Decode(linear, gpa, 1, cached: false);
        }

        // Decoded while the segment reached further: only up to the limit now.
        if (!IsWithinLimit(rip, block->LengthBytes))
        {
            return Decode(linear, gpa, 1, cached: false);
        }

        return block;
    }

    /// <summary>Whether the processor stops at an instruction pointer; then that is recorded.</summary>
    public bool IsStop(ulong rip)
    {
        if (StopAddresses.Count == 0 || !StopAddresses.Contains(_core.CodeAddress(rip)))
        {
            return false;
        }

        _core.Pending = PendingKind.StopAddress;
        return true;
    }

    /// <summary>Starts a new context: nothing that was found before holds.</summary>
    public void NewContext()
    {
        _core.FetchContexts.Renew();
        UpdateContext();
    }

    private void UpdateContext() => Context = (_core.FetchContexts.Of((Mode & DecodeMode.User) != 0) << 16) | (ushort)Mode;

    /// <summary>Where the code at RIP is; false with a fault recorded.</summary>
    public bool TryLocate(ulong rip, out ulong gpa)
    {
        gpa = 0;
        return TryLinear(rip, out var linear) && TryFetch(linear, out gpa);
    }

    /// <summary>
    /// Decodes what a recompiler translates, marked as code. False if that cannot be kept: it is not memory, or its first instruction runs
    /// into the next page. It ends before an instruction at one of the <paramref name="stops"/>.
    /// </summary>
    public bool TryDecodeRun(ulong gpa, DecodedRun run, StopOffsets stops)
    {
        run.Set(gpa, 0, []);
        return TryExtendRun(gpa, 0, run, stops);
    }

    /// <summary>
    /// Decodes what comes next in a run, at the target of its last instruction, as <see cref="TryDecodeRun"/> does; <paramref name="page"/> is the
    /// linear page relative to the run's first. False if it stays as it was.
    /// </summary>
    public bool TryExtendRun(ulong gpa, int page, DecodedRun run, StopOffsets stops)
    {
        var ops = run.Ops + run.Count;
        var room = BlockDecoder.MaxInstructions - run.Count;
        var instructions = run.Instructions.AsSpan(run.Count);
        var offset = (int)(gpa & 0xFFF);
        int count;
        int length;
        do
        {
            var host = _core.Memory.GetReadPage(gpa);
            if (host == null)
            {
                return false;
            }

            // SAFETY: as in Decode.
            var code = new ReadOnlySpan<byte>(host + offset, 4096 - offset);
            count = _decoder.Decode(code, offset, Mode, room, ops, out length, instructions);
            if (stops.Any && stops.CountBefore(ops, count) is var allowed && allowed < count)
            {
                count = _decoder.Decode(code, offset, Mode, allowed, ops, out length, instructions);
            }
        }
        while (count != 0 && !TryClaim(gpa, length));

        run.Append(page, count, _decoder.Code[..length]);
        return count != 0;
    }

    /// <summary>Marks bytes of one page as code and gives them as they are then; none if they are not memory. A write to them from then on is noticed.</summary>
    public ReadOnlySpan<byte> Claim(ulong gpa, int lengthBytes)
    {
        MarkCode(gpa, lengthBytes);
        var page = _core.Memory.GetReadPage(gpa);

        // SAFETY: the page is memory until the next boundary, and the span ends with it.
        return page == null ? [] : new ReadOnlySpan<byte>(page + (gpa & 0xFFF), lengthBytes);
    }

    /// <summary>Where the code at RIP is if it was fetched from there lately; nothing is translated for it.</summary>
    public bool TryRecall(ulong rip, out ulong gpa)
    {
        ref readonly var slot = ref _fetch[(rip >> 12) & (FetchSlots - 1)];
        gpa = slot.GpaPage | (rip & 0xFFF);
        return (Mode & DecodeMode.Code64) != 0 && slot.Context == Context && slot.Page == rip >> 12;
    }

    /// <summary>Where the page behind that of the code at RIP is; false with a fault recorded.</summary>
    public bool TryLocateNextPage(ulong rip, out ulong gpa)
    {
        gpa = 0;
        return TryLinear(rip, out var linear) && TryFetch(NextPage(linear), out gpa);
    }

    /// <summary>
    /// Decodes the single instruction that runs from one page into another for a recompiler, marked as code. False if that cannot be kept, or
    /// if it is none.
    /// </summary>
    public bool TryDecodeAcross(ulong gpa, ulong secondPageGpa, DecodedRun run)
    {
        var offset = (int)(gpa & 0xFFF);
        var first = 4096 - offset;
        var bytes = _bytes.AsSpan(0, BlockDecoder.MaxInstructionBytes);
        while (true)
        {
            var page = _core.Memory.GetReadPage(gpa);
            var next = _core.Memory.GetReadPage(secondPageGpa);
            if (page == null || next == null || first >= bytes.Length)
            {
                return false;
            }

            Copy(gpa, page, bytes[..first]);
            Copy(secondPageGpa, next, bytes[first..]);
            if (_decoder.Decode(bytes, offset, Mode, 1, run.Ops, out var length, run.Instructions) == 0)
            {
                return false;
            }

            MarkCode(gpa, first);
            MarkCode(secondPageGpa, length - first);

            // SAFETY: both spans end within their pages, which are memory until the next boundary.
            if (new ReadOnlySpan<byte>(_core.Memory.GetReadPage(gpa) + offset, first).SequenceEqual(bytes[..first])
                && new ReadOnlySpan<byte>(_core.Memory.GetReadPage(secondPageGpa), length - first).SequenceEqual(bytes[first..length]))
            {
                run.Set(gpa, 1, bytes[..length], secondPageGpa);
                return true;
            }
        }
    }

    /// <summary>The single instruction at RIP, decoded afresh and not kept; null with a fault recorded. Valid until the next call.</summary>
    public Block* FindAlone(ulong rip) => TryLinear(rip, out var linear) && TryFetch(linear, out var gpa) ? Decode(linear, gpa, 1, cached: false) : null;

    /// <summary>The first <paramref name="count"/> instructions of a longer block. Valid until the next call of this or <see cref="FindAlone"/>.</summary>
    public Block* Shorten(Block* block, int count)
    {
        // SAFETY: count is less than the block's, which is at most what there is room for.
        var ops = Block.Ops(_alone);
        *_alone = *block;
        _alone->Count = (byte)count;
        new ReadOnlySpan<DecodedOp>(Block.Ops(block), count).CopyTo(new Span<DecodedOp>(ops, count));
        ops[count] = Block.Ops(block)[block->Count];
        ops[count].Target = 0;
        BlockDecoder.Close(ops, count, ops[count - 1].PageOffset + ops[count - 1].Length);
        _alone->LengthBytes = (ushort)(ops[count].Immediate - block->PageOffset);
        return _alone;
    }

    /// <summary>The linear address of an instruction pointer; #GP(0) beyond the limit or if not canonical.</summary>
    public bool TryLinear(ulong rip, out ulong linear)
    {
        var s = _core.State;
        if ((Mode & DecodeMode.Code64) != 0)
        {
            linear = rip;
            return (ulong)((long)(rip << 16) >> 16) == rip || _core.RaiseGp();
        }

        linear = (uint)(s->Cs.Base + rip);
        return rip <= s->Cs.Limit || _core.RaiseGp();
    }

    public void Dispose()
    {
        Cache.Dispose();
        System.Runtime.InteropServices.NativeMemory.Free(_alone);
    }

    private DecodeMode CurrentMode()
    {
        var s = _core.State;
        var mode = s->Cpl == 3 ? DecodeMode.User : DecodeMode.None;
        if (_core.Is64BitCode)
        {
            return mode | DecodeMode.Code64 | DecodeMode.FlatCode | DecodeMode.FlatData;
        }

        mode |= (s->Cs.Attributes & SegmentRegister.Default32) != 0 ? DecodeMode.Code32 : 0;
        mode |= _core.IsRealOrVirtual8086 ? DecodeMode.Real : 0;
        mode |= s->Cs.Base == 0 && s->Cs.Limit == uint.MaxValue ? DecodeMode.FlatCode : 0;
        mode |= IsFlatData(s->Ds) && IsFlatData(s->Es) && IsFlatData(s->Ss) ? DecodeMode.FlatData : 0;
        return mode;
    }

    /// <summary>Base 0, limit 4 GiB, writable, expand-up, 32-bit.</summary>
    private static bool IsFlatData(in SegmentRegister register)
    {
        const uint Relevant = SegmentRegister.Unusable | SegmentRegister.Default32 | SegmentRegister.Present | SegmentRegister.CodeOrData | 0xE;
        const uint Flat = SegmentRegister.Default32 | SegmentRegister.Present | SegmentRegister.CodeOrData | 2;
        return register.Base == 0 && register.Limit == uint.MaxValue && (register.Attributes & Relevant) == Flat;
    }

    private bool TryFetch(ulong linear, out ulong gpa)
    {
        ref var slot = ref _fetch[(linear >> 12) & (FetchSlots - 1)];
        if (slot.Context == Context && slot.Page == linear >> 12)
        {
            gpa = slot.GpaPage | (linear & 0xFFF);
            return true;
        }

        if (!_core.TryTranslateFetch(linear, out gpa))
        {
            return false;
        }

        UpdateContext();
        slot = new FetchSlot { Context = Context, Page = linear >> 12, GpaPage = gpa & ~0xFFFUL };
        return true;
    }

    /// <summary>The linear address of the next page; outside 64-bit mode the first one follows the last.</summary>
    private ulong NextPage(ulong linear)
    {
        var next = (linear & ~0xFFFUL) + 4096;
        return (Mode & DecodeMode.Code64) != 0 ? next : (uint)next;
    }

    private Block* Decode(ulong linear, ulong gpa, int maxInstructions, bool cached)
    {
        var offset = (int)(gpa & 0xFFF);
        fixed (DecodedOp* ops = _scratch)
        {
            var secondPage = 0UL;
            var count = 0;
            var length = 0;
            byte* page;
            do
            {
                page = _core.Memory.GetReadPage(gpa);
                if (page == null)
                {
                    cached = false;
                    break;
                }

                // SAFETY: the page is memory until the next boundary, and the span ends with it.
                var code = new ReadOnlySpan<byte>(page + offset, 4096 - offset);
                count = _decoder.Decode(code, offset, Mode, LimitInstructions(linear, maxInstructions), ops, out length);
                if (StopAddresses.Offsets.Any && StopAddresses.Offsets.CountBefore(ops, count) is var allowed && allowed < count)
                {
                    count = _decoder.Decode(code, offset, Mode, allowed, ops, out length);
                }
            }
            while (count != 0 && cached && !TryClaim(gpa, length));

            if (count == 0 && !TryDecodeAcross(linear, gpa, page, ops, ref cached, out secondPage, out length))
            {
                return null;
            }

            count = Math.Max(count, 1);
            if (count == 1 && !IsWithinLimit((uint)(linear - _core.State->Cs.Base), length))
            {
                _core.RaiseGp();
                return null;
            }

            var block = cached ? Cache.Allocate(count + 1) : _alone;
            *block = new Block
            {
                Gpa = gpa,
                Mode = Mode,
                PageOffset = (ushort)offset,
                LengthBytes = (ushort)length,
                Count = (byte)count,
                CrossesPage = secondPage != 0,
                SecondPageGpa = secondPage,
            };
            new ReadOnlySpan<DecodedOp>(ops, count + 1).CopyTo(new Span<DecodedOp>(Block.Ops(block), count + 1));
            if (cached)
            {
                Cache.Add(block, _decoder.Code[..length]);
            }

            return block;
        }
    }

    /// <summary>Near the end of a code segment blocks are single instructions.</summary>
    private int LimitInstructions(ulong linear, int maxInstructions)
    {
        var s = _core.State;
        var nearLimit = (Mode & DecodeMode.FlatCode) == 0 && linear - s->Cs.Base + (BlockDecoder.MaxInstructions * BlockDecoder.MaxInstructionBytes) > s->Cs.Limit;
        return nearLimit ? 1 : maxInstructions;
    }

    /// <summary>Whether bytes of code end within the code segment.</summary>
    private bool IsWithinLimit(ulong rip, int lengthBytes) => (Mode & DecodeMode.FlatCode) != 0 || rip + (ulong)lengthBytes - 1 <= _core.State->Cs.Limit;

    /// <summary>Decodes one instruction that crosses into the next page, or that is fetched from a device.</summary>
    private bool TryDecodeAcross(ulong linear, ulong gpa, byte* page, DecodedOp* ops, ref bool cached, out ulong secondPage, out int length)
    {
        length = 0;
        secondPage = 0;
        var first = Math.Min(BlockDecoder.MaxInstructionBytes, 4096 - (int)(gpa & 0xFFF));
        Copy(gpa, page, _bytes.AsSpan(0, first));
        var total = first;
        if (first < BlockDecoder.MaxInstructionBytes)
        {
            // The first bytes alone may be an instruction already (from a device); only ask for the next page if not.
            if (_decoder.Decode(_bytes.AsSpan(0, first), (int)(gpa & 0xFFF), Mode, 1, ops, out length) == 1)
            {
                return true;
            }

            if (!TryFetch(NextPage(linear), out var nextGpa))
            {
                return false;
            }

            secondPage = nextGpa & ~0xFFFUL;
            if (cached)
            {
                MarkCode(gpa, first);
                MarkCode(nextGpa, BlockDecoder.MaxInstructionBytes - first);
            }

            var nextPage = _core.Memory.GetReadPage(nextGpa);
            cached &= nextPage != null;
            Copy(gpa, page, _bytes.AsSpan(0, first));
            Copy(nextGpa, nextPage, _bytes.AsSpan(first, BlockDecoder.MaxInstructionBytes - first));
            total = BlockDecoder.MaxInstructionBytes;
        }

        return _decoder.Decode(_bytes.AsSpan(0, total), (int)(gpa & 0xFFF), Mode, 1, ops, out length) == 1 || _core.RaiseGp();
    }

    private void Copy(ulong gpa, byte* page, Span<byte> destination)
    {
        for (var i = 0; i < destination.Length; i++)
        {
            destination[i] = page != null ? page[(gpa + (ulong)i) & 0xFFF] : (byte)_core.ReadMmio(gpa + (ulong)i, 1);
        }
    }

    /// <summary>Marks what was decoded as code, and tells whether it still stands: another vCPU may have written before it saw the mark.</summary>
    private bool TryClaim(ulong gpa, int lengthBytes) => Claim(gpa, lengthBytes).SequenceEqual(_decoder.Code[..lengthBytes]);

    private void MarkCode(ulong gpa, int lengthBytes) => _core.Memory.MarkCode(gpa, lengthBytes, _core.Revocation);

    /// <summary>One page's fetch translation.</summary>
    private struct FetchSlot
    {
        public ulong Context;
        public ulong Page;
        public ulong GpaPage;
    }
}
