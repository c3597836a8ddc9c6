using Iced.Intel;
using Vivarium.Memory;
using Vivarium.X86;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.Measurements;

/// <summary>A bare processor in 64-bit mode that runs one loop for ever, over memory mapped to itself in pages of 2 MiB.</summary>
internal sealed class EndlessGuest : IDisposable
{
    private const ulong RamBytes = 256 << 20;
    private const ulong TablesGpa = 0x1_0000;
    private const ulong CodeGpa = 0x10_0000;
    private const ulong StackGpa = 0x8_0000;
    private const ulong Source = 32 << 20;
    private const ulong Destination = 160 << 20;
    private const ulong LargePage = 2 << 20;
    private const int RepeatBytes = 64 << 20;

    private readonly GuestMemory _memory = new();
    private readonly ExecutionEngineProvider? _engine;

    public EndlessGuest(Action<Assembler> body, ExecutionEngine engine)
    {
        _memory.AddRam(0, RamBytes);
        _engine = engine == ExecutionEngine.Interpreter ? null : new Recompiler();
        WritePageTables();
        _memory.TryWrite(CodeGpa, Assemble(body));
        Cpu = new X86Cpu(new X86CpuOptions { Memory = _memory, Engine = _engine });
        Cpu[X86Register.Cr4] = 1 << 5;
        Cpu[X86Register.Cr3] = TablesGpa;
        Cpu[X86Register.Efer] = 0x500;
        Cpu[X86Register.Cr0] = 0x8000_0011;
        Cpu.SetSegment(X86Segment.Cs, 0x10, 0, uint.MaxValue, 0xA09B);
        foreach (var segment in (X86Segment[])[X86Segment.Ds, X86Segment.Es, X86Segment.Ss])
        {
            Cpu.SetSegment(segment, 0x18, 0, uint.MaxValue, 0xC093);
        }

        Cpu[X86Register.Rip] = CodeGpa;
        Cpu[X86Register.Rsp] = StackGpa;
        Cpu[X86Register.Rsi] = Source;
        Cpu[X86Register.Rdi] = Destination;
    }

    /// <summary>The loops: where a guest may be when it is to stop.</summary>
    public static IReadOnlyList<(string Name, Action<Assembler> Body)> Bodies { get; } =
    [
        ("a jump to itself", _ => { }),
        ("arithmetic", code => { code.add(rax, 3); code.imul(rbx, rax); code.xor(rdx, rbx); }),
        ("loads and stores that miss the TLB", code =>
        {
            code.add(rcx, 0x1003000);
            code.and(ecx, RepeatBytes - 8);
            code.mov(rax, __[rsi + rcx]);
            code.mov(__[rdi + rcx], rax);
        }),
        ("calls", code =>
        {
            var callee = code.CreateLabel();
            var after = code.CreateLabel();
            code.call(callee);
            code.jmp(after);
            code.Label(ref callee);
            code.inc(rax);
            code.ret();
            code.Label(ref after);
        }),
        ("REP MOVSB of 64 MiB", code => { Rewind(code, RepeatBytes); code.rep.movsb(); }),
        ("REP MOVSB of 64 MiB onto itself, one byte on", code => { Rewind(code, RepeatBytes); code.lea(rdi, __[rsi + 1]); code.rep.movsb(); }),
        ("REP STOSQ of 64 MiB", code => { Rewind(code, RepeatBytes / 8); code.rep.stosq(); }),
        ("REPE CMPSB of 64 MiB", code => { Rewind(code, RepeatBytes); code.repe.cmpsb(); }),
    ];

    public X86Cpu Cpu { get; }

    public void Dispose()
    {
        Cpu.Dispose();
        _engine?.Dispose();
        _memory.Dispose();
    }

    private static byte[] Assemble(Action<Assembler> body)
    {
        var code = new Assembler(64);
        var again = code.CreateLabel();
        code.Label(ref again);
        body(code);
        code.jmp(again);
        using var stream = new MemoryStream();
        code.Assemble(new StreamCodeWriter(stream), CodeGpa);
        return stream.ToArray();
    }

    private static void Rewind(Assembler code, int count)
    {
        code.mov(esi, (uint)Source);
        code.mov(edi, (uint)Destination);
        code.mov(ecx, count);
        code.cld();
    }

    private void WritePageTables()
    {
        _memory.Write(TablesGpa, TablesGpa + 0x1003);
        _memory.Write(TablesGpa + 0x1000, TablesGpa + 0x2003);
        for (var gpa = 0UL; gpa < RamBytes; gpa += LargePage)
        {
            _memory.Write(TablesGpa + 0x2000 + (gpa / LargePage * 8), gpa | 0x83);
        }
    }
}
