using Iced.Intel;
using Vivarium.Memory;

namespace Vivarium.X86.Tests;

/// <summary>
/// A small guest: 4 MiB of memory with a GDT, an IDT whose handlers halt, a TSS and identity-mapped page tables, in real, 32-bit or 64-bit mode
/// at CPL 0 with interrupts off, on the engine of <see cref="TestEngine"/>. A program ends at its own HLT, or in the handler of what it raised, and <see cref="Run"/> tells which.
/// </summary>
internal sealed class GuestProgram : IDisposable
{
    public const ulong GdtBase = 0x1000;
    public const ulong IdtBase = 0x2000;
    public const ulong TssBase = 0x3000;
    public const ulong HandlerBase = 0x4000;
    public const ulong CodeBase = 0x10000;
    public const ulong StackTop = 0x20000;
    public const ulong KernelStackTop = 0x28000;
    public const ulong IstTop = 0x2C000;
    public const ulong TablesBase = 0x70000;
    public const ulong Data = 0x100000;
    public const ulong MemoryBytes = 0x400000;

    public const ushort Code32 = 0x08;
    public const ushort DataSegment = 0x10;
    public const ushort UserCode32 = 0x1B;
    public const ushort UserData = 0x23;
    public const ushort Code64 = 0x28;
    public const ushort UserCode64 = 0x33;
    public const ushort Code16 = 0x38;
    public const ushort Data16 = 0x40;
    public const ushort Task = 0x50;

    /// <summary>The first selector that a test may define.</summary>
    public const ushort Free = 0x60;

    private readonly int _bits;
    private readonly ExecutionEngineProvider? _engine;
    private readonly Func<X86CpuOptions, X86CpuOptions>? _configure;
    private bool _isHalted;

    private GuestProgram(int bits, CpuModel? model, GuestProgram? first, int index, Func<X86CpuOptions, X86CpuOptions>? configure = null)
    {
        _bits = bits;
        _configure = configure;
        Memory = first?.Memory ?? new GuestMemory();
        OwnsMemory = first is null;
        if (OwnsMemory)
        {
            Memory.AddRam(0, MemoryBytes);
        }

        _engine = first is null ? TestEngine.Create() : first._engine;

        Apic = new FakeApic { ApicId = (uint)index };
        var options = new X86CpuOptions { Memory = Memory, Engine = _engine, Model = model ?? CpuModel.Max, Index = index, CpuCount = 2 };
        Cpu = new X86Cpu(configure?.Invoke(options) ?? options) { LocalApic = Apic };
        Cpu[X86Register.Rsp] = StackTop - ((ulong)index * 0x1000);
        Cpu[X86Register.Rip] = CodeBase;
    }

    public GuestMemory Memory { get; }

    public X86Cpu Cpu { get; }

    public FakeApic Apic { get; }

    private bool OwnsMemory { get; }

    public ulong this[X86Register register]
    {
        get => Cpu[register];
        set => Cpu[register] = value;
    }

    /// <summary>Real mode, flat at 0: CS:IP = 1000:0, SS:SP = 1000:FF00.</summary>
    public static GuestProgram Real(Action<Assembler> code, CpuModel? model = null, Func<X86CpuOptions, X86CpuOptions>? configure = null)
    {
        var program = new GuestProgram(16, model, null, 0, configure);
        program.Cpu.SetSegment(X86Segment.Cs, 0x1000, CodeBase, 0xFFFF, 0x9B);
        program.Cpu.SetSegment(X86Segment.Ss, 0x1000, CodeBase, 0xFFFF, 0x93);
        program[X86Register.Rip] = 0;
        program[X86Register.Rsp] = 0xFF00;
        for (var vector = 0; vector < 256; vector++)
        {
            program.Memory.Write((ulong)vector * 4, (uint)HandlerOf(vector));
        }

        program.WriteHandlers();
        program.Load(code, 0, CodeBase);
        return program;
    }

    /// <summary>32-bit protected mode, flat, without paging.</summary>
    public static GuestProgram Protected(Action<Assembler> code, CpuModel? model = null, Func<X86CpuOptions, X86CpuOptions>? configure = null)
    {
        var program = new GuestProgram(32, model, null, 0, configure);
        program.SetUpTables();
        program[X86Register.Cr0] = 0x31;
        program.SetFlat(Code32, 0xC09B);
        program.Cpu.SetSegment(X86Segment.Tr, Task, TssBase, 0x2067, 0x8B);
        program.Memory.Write(TssBase + 4, (uint)KernelStackTop);
        program.Memory.Write(TssBase + 8, DataSegment);
        program.Memory.Write(TssBase + 102, (ushort)0x68);
        program.Load(code, CodeBase, CodeBase);
        return program;
    }

    /// <summary>64-bit mode with 4-level paging, 4 KiB pages, everything user and writable.</summary>
    public static GuestProgram Long(Action<Assembler> code, CpuModel? model = null, Func<X86CpuOptions, X86CpuOptions>? configure = null)
    {
        var program = new GuestProgram(64, model, null, 0, configure);
        program.SetUpTables();
        program.SetUpLong();
        program.Load(code, CodeBase, CodeBase);
        return program;
    }

    /// <summary>A second processor on the memory of a 64-bit program, with code of its own at <paramref name="at"/>.</summary>
    public GuestProgram AddProcessor(Action<Assembler> code, ulong at)
    {
        var program = new GuestProgram(64, Cpu.Model, this, 1, _configure);
        program.SetUpLong();
        program[X86Register.Rip] = at;
        program.Load(code, at, at);
        return program;
    }

    /// <summary>Assembles code for another place.</summary>
    public void Load(Action<Assembler> code, ulong rip, ulong gpa, int bits = 0)
    {
        var assembler = new Assembler(bits == 0 ? _bits : bits);
        code(assembler);
        using var stream = new MemoryStream();
        assembler.Assemble(new StreamCodeWriter(stream), rip);
        Assert.True(Memory.TryWrite(gpa, stream.ToArray()));
    }

    /// <summary>Runs to a halt, a shutdown or the end of the budget; from a halt it goes on.</summary>
    public GuestOutcome Run(long budget = 100_000)
    {
        if (_isHalted)
        {
            Cpu.SignalKick();
        }

        var exit = Cpu.Run(budget);
        _isHalted = exit.Reason == VcpuExitReason.Halted;
        var rip = Cpu[X86Register.Rip];
        var linear = rip + (_bits == 64 ? 0 : Cpu.GetSegment(X86Segment.Cs).Base);
        if (exit.Reason != VcpuExitReason.Halted || linear - HandlerBase >= 256 * 16)
        {
            return new GuestOutcome(exit.Reason, null, null, rip, Cpu.GetSegment(X86Segment.Cs).Selector, Cpu[X86Register.Rflags]);
        }

        var vector = (int)((linear - HandlerBase) / 16);
        var size = Cpu.GetSegment(X86Segment.Cs).Selector == Code64 ? 8 : _bits == 16 ? 2 : 4;
        var at = Cpu.GetSegment(X86Segment.Ss).Base + (Cpu[X86Register.Rsp] & (_bits == 16 ? 0xFFFF : ulong.MaxValue));
        var hasErrorCode = _bits != 16 && vector is 8 or 10 or 11 or 12 or 13 or 14 or 17;
        var error = hasErrorCode ? (uint?)(uint)ReadSized(at, size) : null;
        at += hasErrorCode ? (ulong)size : 0;
        return new GuestOutcome(exit.Reason, vector, error, ReadSized(at, size), (ushort)ReadSized(at + (ulong)size, size), ReadSized(at + (ulong)(2 * size), size));
    }

    /// <summary>Goes to CPL 3 with flat segments before the program starts.</summary>
    public GuestProgram AsUser()
    {
        SetFlat(_bits == 64 ? UserCode64 : UserCode32, _bits == 64 ? 0xA0FBu : 0xC0FBu);
        foreach (var segment in (ReadOnlySpan<X86Segment>)[X86Segment.Ss, X86Segment.Ds, X86Segment.Es, X86Segment.Fs, X86Segment.Gs])
        {
            Cpu.SetSegment(segment, UserData, 0, uint.MaxValue, 0xC0F3);
        }

        return this;
    }

    /// <summary>Address of the page-table entry of a linear address below 4 MiB in a 64-bit program.</summary>
    public static ulong EntryOf(ulong linear) => TablesBase + 0x3000 + (linear >> 12 << 3);

    public static ulong HandlerOf(int vector) => HandlerBase + ((ulong)vector * 16);

    /// <summary>A segment descriptor.</summary>
    public static ulong Descriptor(uint baseAddress, uint limit, uint attributes) =>
        (limit & 0xFFFF) | ((ulong)(baseAddress & 0xFFFFFF) << 16) | ((ulong)(attributes & 0xF0FF) << 40) | ((ulong)(limit >> 16 & 0xF) << 48)
        | ((ulong)(baseAddress >> 24) << 56);

    /// <summary>A gate of the 32-bit layout: type with S, DPL and P in <paramref name="access"/>.</summary>
    public static ulong Gate(ushort selector, uint offset, uint access, uint count = 0) =>
        (offset & 0xFFFF) | ((ulong)selector << 16) | ((ulong)count << 32) | ((ulong)access << 40) | ((ulong)(offset >> 16) << 48);

    public void SetDescriptor(ushort selector, ulong value) => Memory.Write(GdtBase + (selector & 0xFFF8u), value);

    public void SetGate(int vector, ulong value) => Memory.Write(IdtBase + ((ulong)vector * (_bits == 64 ? 16u : 8u)), value);

    public ulong GetDescriptor(ushort selector) => Memory.Read<ulong>(GdtBase + (selector & 0xFFF8u));

    public void Dispose()
    {
        Cpu.Dispose();
        if (OwnsMemory)
        {
            _engine?.Dispose();
            Memory.Dispose();
        }
    }

    private ulong ReadSized(ulong gpa, int sizeBytes)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        Assert.True(Memory.TryRead(gpa, bytes[..sizeBytes]));
        return BitConverter.ToUInt64(bytes);
    }

    private void WriteHandlers()
    {
        for (var vector = 0; vector < 256; vector++)
        {
            Memory.Write(HandlerOf(vector), (byte)0xF4);
        }
    }

    private void SetUpTables()
    {
        SetDescriptor(Code32, Descriptor(0, 0xFFFFF, 0xC09B));
        SetDescriptor(DataSegment, Descriptor(0, 0xFFFFF, 0xC093));
        SetDescriptor(UserCode32, Descriptor(0, 0xFFFFF, 0xC0FB));
        SetDescriptor(UserData, Descriptor(0, 0xFFFFF, 0xC0F3));
        SetDescriptor(Code64, Descriptor(0, 0xFFFFF, 0xA09B));
        SetDescriptor(UserCode64, Descriptor(0, 0xFFFFF, 0xA0FB));
        SetDescriptor(Code16, Descriptor(0, 0xFFFF, 0x9B));
        SetDescriptor(Data16, Descriptor(0, 0xFFFF, 0x93));
        SetDescriptor(Task, Descriptor((uint)TssBase, 0x2067, 0x8B));
        WriteHandlers();
        for (var vector = 0; vector < 256; vector++)
        {
            // Vectors from 0x80 on may be called from CPL 3.
            SetGate(vector, Gate(_bits == 64 ? Code64 : Code32, (uint)HandlerOf(vector), vector < 0x80 ? 0x8Eu : 0xEEu));
        }

        SetTableRegisters();
    }

    private void SetTableRegisters()
    {
        Cpu[X86Register.GdtBase] = GdtBase;
        Cpu[X86Register.GdtLimit] = 0xFFF;
        Cpu[X86Register.IdtBase] = IdtBase;
        Cpu[X86Register.IdtLimit] = 0xFFF;
    }

    private void SetUpLong()
    {
        SetTableRegisters();
        Memory.Write(TablesBase, TablesBase + 0x1007);
        Memory.Write(TablesBase + 0x1000, TablesBase + 0x2007);
        for (var i = 0UL; i < 2; i++)
        {
            Memory.Write(TablesBase + 0x2000 + (i * 8), TablesBase + 0x3007 + (i * 0x1000));
        }

        for (var page = 0UL; OwnsMemory && page < MemoryBytes; page += 0x1000)
        {
            Memory.Write(EntryOf(page), page | 7);
        }

        Memory.Write(TssBase + 4, KernelStackTop);
        Memory.Write(TssBase + 36, IstTop);
        Memory.Write(TssBase + 102, (ushort)0x68);
        Cpu[X86Register.Cr4] = 0x620;
        Cpu[X86Register.Cr3] = TablesBase;
        Cpu[X86Register.Efer] = 0xD01;
        Cpu[X86Register.Cr0] = 0x80010033;
        SetFlat(Code64, 0xA09B);
        Cpu.SetSegment(X86Segment.Tr, Task, TssBase, 0x2067, 0x8B);
    }

    private void SetFlat(ushort code, uint codeAttributes)
    {
        Cpu.SetSegment(X86Segment.Cs, code, 0, uint.MaxValue, codeAttributes);
        foreach (var segment in (ReadOnlySpan<X86Segment>)[X86Segment.Ss, X86Segment.Ds, X86Segment.Es, X86Segment.Fs, X86Segment.Gs])
        {
            Cpu.SetSegment(segment, DataSegment, 0, uint.MaxValue, 0xC093);
        }
    }
}
