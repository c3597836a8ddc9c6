using Vivarium.Memory;

namespace Vivarium.X86.Tests;

/// <summary>A guest machine that runs one case after the other on one engine. What a case leaves is readable until the next.</summary>
internal sealed unsafe class LabMachine : IDisposable
{
    /// <summary>Instructions that a case may execute; those that need more are in an endless loop.</summary>
    public const long Budget = 4000;

    private const long MostSlices = 4 * Budget;
    private const int KernelStacksBytes = 0x2000;
    private const int KernelStacksBit = 1 << LabLayout.FrameCount;
    private const int EntriesBit = KernelStacksBit << 1;

    private static readonly byte[] s_zeros = new byte[0x1000];

    private readonly EngineProbe _engine;
    private readonly X86Cpu _cpu;
    private readonly LabMmio _mmio = new();
    private readonly LabTables _tables64;
    private readonly LabTables _tables32;
    private readonly CpuState[] _templates = new CpuState[4];
    private readonly byte[] _frames = new byte[LabLayout.FrameCount << 12];
    private readonly byte[] _wanted = new byte[0x1000];
    private readonly byte[] _kernelStacks = new byte[KernelStacksBytes];

    /// <summary>Descriptor tables and handlers as they are at first, from address 0 up to the stacks.</summary>
    private readonly byte[] _kernel = new byte[LabLayout.KernelStackGpa];
    private readonly ulong[] _entries;
    private readonly bool _likeHost;
    private LabMode _mode;
    private bool? _usesIst;

    /// <summary>Which of the frames, the kernel's stacks (behind them) and the tables' entries (last) are copied out since the last case, by bits.</summary>
    private int _copied;

    /// <param name="engine">Makes the engine; null is the interpreter.</param>
    /// <param name="likeHost">User code finds what a process of the host would: its pages alone, and a breakpoint instruction that it may use.</param>
    /// <param name="isExact">Slices end after as many instructions as they are told.</param>
    public LabMachine(Func<ExecutionEngineProvider?> engine, bool likeHost = false, bool isExact = false)
    {
        _likeHost = likeHost;
        Memory.AddRam(0, LabLayout.RamBytes);
        _engine = new EngineProbe(engine());
        _cpu = new X86Cpu(new X86CpuOptions { Memory = Memory, MmioPort = _mmio, Engine = _engine, ExactBudget = isExact });
        _tables64 = new LabTables(Memory, is64: true, likeHost ? [.. LabLayout.HostPages, .. LabLayout.KernelOnly] : LabLayout.Pages(is64: true));
        _tables32 = new LabTables(Memory, is64: false, LabLayout.Pages(is64: false));
        _entries = new ulong[Math.Max(_tables64.Count, _tables32.Count)];
        LabKernel.WriteTables(Memory, likeHost);
        foreach (var mode in Enum.GetValues<LabMode>())
        {
            _cpu.Reset();
            LabKernel.Enter(_cpu, mode, Tables(mode));
            State->Xcr0 = 7;
            _templates[(int)mode] = *State;
        }

        Memory.TryRead(0, _kernel);
    }

    public GuestMemory Memory { get; } = new();

    public CpuState* State => _engine.State;

    public VcpuExit Exit { get; private set; }

    public IReadOnlyList<(ulong Gpa, int SizeBytes, ulong Value, bool IsWrite)> MmioLog => _mmio.Log;

    /// <summary>A copy of the physical frames of code and data, in the order of <see cref="LabLayout.Frame"/>; to be looked at before the next case.</summary>
    public Span<byte> Frames
    {
        get
        {
            for (var i = 0; i < LabLayout.FrameCount; i++)
            {
                CopyFrame(i);
            }

            return _frames;
        }
    }

    public Span<byte> KernelStacks
    {
        get
        {
            if ((_copied & KernelStacksBit) == 0)
            {
                _copied |= KernelStacksBit;
                Memory.TryRead(LabLayout.KernelStackGpa, _kernelStacks);
            }

            return _kernelStacks;
        }
    }

    public ReadOnlySpan<ulong> Entries(LabMode mode)
    {
        if ((_copied & EntriesBit) == 0)
        {
            _copied |= EntriesBit;
            Tables(_mode).Read(_entries);
        }

        return _entries.AsSpan(0, Tables(mode).Count);
    }

    // SAFETY: a frame is a whole page of RAM, which stays where it is for as long as nothing seals or forks this memory.
    /// <summary>A frame as it is in guest memory.</summary>
    public ReadOnlySpan<byte> Frame(int number) => new(Memory.GetReadPage(LabLayout.Frame[number]), 0x1000);

    public LabTables Tables(LabMode mode) => mode.Bits() == 64 ? _tables64 : _tables32;

    /// <param name="program">What runs.</param>
    /// <param name="state">What it starts with.</param>
    /// <param name="slice">The budget of each call of Run; the program goes on until it ends.</param>
    /// <param name="before">Called with RIP before each call of Run.</param>
    public void Run(LabProgram program, LabState state, long slice = Budget, Action<ulong>? before = null)
    {
        Load(program, state);
        Exit = default;
        var slices = 0L;
        do
        {
            before?.Invoke(State->Rip);
            var exit = _cpu.Run(slice);
            Exit = new VcpuExit(exit.Reason, Exit.Instructions + exit.Instructions);
        }
        while (Exit.Reason == VcpuExitReason.Budget && Exit.Instructions < Budget && ++slices < MostSlices);
    }

    /// <summary>Clears bits of a byte in what was last written to the device at a linear address.</summary>
    public void MaskMmio(ulong linear, byte bits)
    {
        var gpa = LabLayout.MmioGpa + (linear - LabLayout.Mmio);
        var at = linear - LabLayout.Mmio < 0x1000 ? _mmio.Log.FindLastIndex(entry => entry.IsWrite && gpa - entry.Gpa < (ulong)entry.SizeBytes) : -1;
        if (at >= 0)
        {
            var entry = _mmio.Log[at];
            _mmio.Log[at] = entry with { Value = entry.Value & ~((ulong)bits << (int)(8 * (gpa - entry.Gpa))) };
        }
    }

    /// <summary>The bytes at a linear address among what <see cref="Run"/> read back; empty if it is elsewhere.</summary>
    public Span<byte> At(ulong linear, LabMode mode)
    {
        if (linear - (LabLayout.Kernel + LabLayout.KernelStackGpa) < 0x2000)
        {
            return KernelStacks[(int)(linear - LabLayout.Kernel - LabLayout.KernelStackGpa)..];
        }

        foreach (var page in LabLayout.Pages(mode.Bits() == 64))
        {
            if (page.Linear == (linear & ~0xFFFUL) && page.Gpa >= LabLayout.Frame[0] && page.Gpa < LabLayout.RamBytes)
            {
                var offset = (int)(page.Gpa - LabLayout.Frame[0]);
                CopyFrame(offset >> 12);
                return _frames.AsSpan(offset, 0x1000)[(int)(linear & 0xFFF)..];
            }
        }

        return [];
    }

    public void Dispose()
    {
        _cpu.Dispose();
        _engine.Dispose();
        Memory.Dispose();
    }

    private void Load(LabProgram program, LabState state)
    {
        _mmio.Log.Clear();
        _copied = 0;
        _mode = program.Mode;
        var content = LabData.Content(state.Data);
        for (var i = 0; i < LabLayout.FrameCount; i++)
        {
            // Pages that are as they should be are not touched: code that runs again keeps its translation.
            var wanted = content.Slice(i << 12, 0x1000);
            if (program.IsIn(LabLayout.Frame[i]))
            {
                wanted.CopyTo(_wanted);
                program.CopyTo(LabLayout.Frame[i], _wanted);
                wanted = _wanted;
            }

            if (!wanted.SequenceEqual(Frame(i)))
            {
                Memory.TryWrite(LabLayout.Frame[i], wanted);
            }
        }

        if (!_likeHost)
        {
            RestoreKernel();
        }

        ClearKernelStacks();
        if (!_likeHost || _usesIst != state.UsesIst)
        {
            // User code cannot change it.
            _usesIst = state.UsesIst;
            LabKernel.SetIst(Memory, state.UsesIst);
        }

        Tables(program.Mode).Reset();

        *State = _templates[(int)program.Mode];
        for (var i = 0; i < (program.Mode.Bits() == 64 ? 16 : 8); i++)
        {
            State->Gpr[i] = state.Gpr[i];
        }

        State->Rip = program.Rip;
        State->Fs.Base = state.FsBase;
        State->Gs.Base = state.GsBase;
        State->InstructionCount = 0;
        State->Cr4 |= state.HasSmap && !program.Mode.IsUser() ? ControlBits.Cr4Smap : 0;
        State->Star = LabKernel.Star;
        State->Lstar = LabKernel.SystemCallOf(state.SystemCall);
        State->Sfmask = state.FlagMask;
        FxImage.LoadX87(State, state.Fx, wide: true);
        FxImage.LoadXmm(State, state.Fx, longMode: true);
        for (var i = 0; i < 16; i++)
        {
            // The upper halves repeat other registers, which saves a place in the state.
            FxImage.Xmm(State, (i + 5) & 15).CopyTo(FxImage.YmmHigh(State, i));
        }

        State->Mxcsr = state.Mxcsr;
        LazyFlags.SetAll(State, state.Flags);

        // Written through the processor, so that it looks at its mode and forgets translations.
        _cpu[X86Register.Cr3] = Tables(program.Mode).Root;
    }

    private void CopyFrame(int number)
    {
        if ((_copied & (1 << number)) == 0)
        {
            _copied |= 1 << number;
            Frame(number).CopyTo(_frames.AsSpan(number << 12));
        }
    }

    /// <summary>Kernel code can change its own tables and handlers: the next case, which another machine may run without this one, finds them whole.</summary>
    private void RestoreKernel()
    {
        for (var gpa = 0; gpa < _kernel.Length; gpa += 0x1000)
        {
            // SAFETY: as for Frame.
            var page = _kernel.AsSpan(gpa, 0x1000);
            if (!page.SequenceEqual(new ReadOnlySpan<byte>(Memory.GetReadPage((ulong)gpa), 0x1000)))
            {
                Memory.TryWrite((ulong)gpa, page);
            }
        }
    }

    private void ClearKernelStacks()
    {
        for (var gpa = LabLayout.KernelStackGpa; gpa < LabLayout.KernelStackGpa + KernelStacksBytes; gpa += 0x1000)
        {
            // SAFETY: as for Frame.
            if (new ReadOnlySpan<byte>(Memory.GetReadPage(gpa), 0x1000).ContainsAnyExcept((byte)0))
            {
                Memory.TryWrite(gpa, s_zeros);
            }
        }
    }

    /// <summary>The state with what engines may leave as they like made equal: scratch fields and the form of the flags.</summary>
    public void Normalise(ref CpuState state, ulong undefinedFlags)
    {
        state = *State;
        state.FlagSystem = LazyFlags.GetAll(State) & ~undefinedFlags;
        fixed (SegmentRegister* segments = &state.Es)
        {
            // The bytes behind the selector pad.
            for (var i = 0; i <= (int)X86Segment.Tr; i++)
            {
                ((ulong*)(segments + i))[2] &= 0xFFFF;
            }
        }

        state.Zero = state.RipPage = state.Far = state.Scratch = state.FlagResult = state.FlagAux = 0;
    }
}
