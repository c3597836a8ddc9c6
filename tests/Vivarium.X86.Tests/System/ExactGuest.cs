using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>
/// A random 64-bit guest that ends: loops, calls, jumps across pages, repeated string instructions, exceptions with handlers that return, writes
/// to its own code, and, if asked for, reads of the clock and a device that interrupts it. No flag is undefined where anything looks at it.
/// </summary>
internal sealed class ExactGuest : IDisposable
{
    private const ulong Handlers = 0x1A000;
    private const ulong Device = 0x3FF000;
    private const int Interrupt = 0x90;
    private const int DataBytes = 0x4000;
    private const int ElementsInData = 0x800;

    private readonly Random _random;
    private readonly bool _reachesOut;
    private readonly ExactDevice _device = new();

    public ExactGuest(int seed, bool reachesOut, Func<X86CpuOptions, X86CpuOptions> configure)
    {
        _random = new Random(seed);
        _reachesOut = reachesOut;
        Program = GuestProgram.Long(Write, configure: options => configure(options) with { PortIo = _device, MmioPort = _device });
        _device.Cpu = Program.Cpu;
        _device.Apic = Program.Apic;
        Handle(0, 0, c => { c.add(__qword_ptr[rsp], 3); c.iretq(); });
        Handle(6, 1, c => { c.add(__qword_ptr[rsp], 2); c.inc(__qword_ptr[r13]); c.iretq(); });
        Handle(14, 2, c => { c.add(rsp, 8); c.add(__qword_ptr[rsp], 3); c.iretq(); });
        Handle(0x80, 3, c => { c.add(rbx, __[rsp]); c.iretq(); });
        Handle(Interrupt, 4, c => { c.push(rax); c.mov(rax, __[rsp + 8]); c.add(__[r13 + 8], rax); c.rdtsc(); c.add(__[r13 + 16], eax); c.pop(rax); c.iretq(); });
        Program.Memory.Write(GuestProgram.EntryOf(Device), 0xD0000007UL);
        Program[X86Register.R13] = GuestProgram.Data;
        Program[X86Register.R12] = Device;
        Program[X86Register.Rflags] = 0x202;
    }

    public GuestProgram Program { get; }

    public X86Cpu Cpu => Program.Cpu;

    public void Dispose() => Program.Dispose();

    /// <summary>Registers, data and stack.</summary>
    public string Describe()
    {
        var registers = string.Join(' ', Enumerable.Range((int)X86Register.Rax, 16).Select(i => $"{Cpu[(X86Register)i]:X}"));
        var hash = new HashCode();
        var bytes = new byte[DataBytes];
        Program.Memory.TryRead(GuestProgram.Data, bytes);
        hash.AddBytes(bytes);
        Program.Memory.TryRead(GuestProgram.StackTop - DataBytes, bytes);
        hash.AddBytes(bytes);
        return $"{Cpu.InstructionCount} {Cpu[X86Register.Rip]:X} {Cpu[X86Register.Rflags]:X} {Cpu[X86Register.Cr2]:X} {registers} {hash.ToHashCode():X}";
    }

    private void Handle(int vector, int number, Action<Assembler> code)
    {
        var at = Handlers + ((ulong)number * 0x80);
        Program.Load(code, at, at);
        Program.SetGate(vector, GuestProgram.Gate(GuestProgram.Code64, (uint)at, 0xEE));
    }

    private void Write(Assembler c)
    {
        var again = c.CreateLabel();
        var leaf = c.CreateLabel();
        var far = c.CreateLabel();
        var back = c.CreateLabel();
        var end = c.CreateLabel();
        c.mov(r15d, _random.Next(1, 60));
        c.Label(ref again);
        for (var i = _random.Next(1, 16); i > 0; i--)
        {
            Item(c, leaf);
        }

        c.jmp(far);
        c.Label(ref back);
        c.dec(r15d);
        c.jz(end);
        c.jmp(again);
        c.Label(ref end);
        c.hlt();
        c.Label(ref leaf);
        Straight(c);
        c.ret();
        c.db(new byte[0x1000]);
        c.Label(ref far);
        Straight(c);
        c.jmp(back);
    }

    private void Item(Assembler c, Label leaf)
    {
        switch (_random.Next(_reachesOut ? 17 : 12))
        {
            case 0 or 1: Straight(c); break;
            case 2: Loop(c, Straight); break;
            case 3: Loop(c, each => each.call(leaf)); break;
            case 4: c.call(leaf); break;
            case 5: c.lea(rax, __[leaf]); c.call(rax); break;
            case 6: Repeat(c); break;
            case 7: c.ud2(); break;
            case 8: c.@int(0x80); break;
            case 9: c.mov(r11d, 0x500000); c.mov(rax, __[r11]); break;
            case 10: c.xor(ebp, ebp); c.div(rbp); break;
            case 11: ModifyCode(c); break;
            case 12: c.rdtsc(); c.add(__[r13 + 24], eax); break;
            case 13: Loop(c, each => each.rdtsc()); break;
            case 14: c.@out(0x70, al); Straight(c); break;
            case 15: c.mov(__[r12], eax); Straight(c); break;
            default: Guarded(c); break;
        }
    }

    /// <summary>What comes in while interrupts are off comes right behind their shadow.</summary>
    private void Guarded(Assembler c)
    {
        c.cli();
        c.mov(eax, __[r12 + 8]);
        c.add(__dword_ptr[r12 + 16], 1);
        Straight(c);
        c.sti();
        Straight(c);
    }

    private void Straight(Assembler c)
    {
        for (var i = _random.Next(1, _random.Next(8) == 0 ? 80 : 8); i > 0; i--)
        {
            var at = r13 + (32 + (8 * _random.Next(64)));
            switch (_random.Next(9))
            {
                case 0: c.add(rax, rbx); break;
                case 1: c.lea(rbx, __[rax + (rbx * 2) + 7]); break;
                case 2: c.adc(rdx, r15); break;
                case 3: c.mov(__[at], rax); break;
                case 4: c.add(rbx, __[at]); break;
                case 5: c.xor(__[at], ebx); break;
                case 6: c.push(rax); c.pop(r8); break;
                case 7: c.movq(xmm1, rbx); c.paddd(xmm2, xmm1); c.movq(__qword_ptr[at], xmm2); break;
                default: Skip(c); break;
            }
        }
    }

    private void Skip(Assembler c)
    {
        var over = c.CreateLabel();
        c.test(ebx, 1 << _random.Next(7));
        c.jz(over);
        c.inc(rax);
        c.Label(ref over);
        c.nop();
    }

    private void Loop(Assembler c, Action<Assembler> body)
    {
        var again = c.CreateLabel();
        c.mov(r14d, _random.Next(1, 40));
        c.Label(ref again);
        body(c);
        c.dec(r14d);
        c.jnz(again);
    }

    private void Repeat(Assembler c)
    {
        c.lea(rsi, __[r13 + 0x1000]);
        c.lea(rdi, __[r13 + (0x1000 + _random.Next(0x1000))]);
        c.mov(ecx, _random.Next(ElementsInData));
        switch (_random.Next(4))
        {
            case 0: c.rep.movsb(); break;
            case 1: c.rep.stosd(); break;
            case 2: c.repe.scasb(); break;
            default: c.repe.cmpsb(); break;
        }
    }

    /// <summary>Writes the immediate of an instruction that follows: mov ebp, imm32.</summary>
    private static void ModifyCode(Assembler c)
    {
        var immediate = c.CreateLabel();
        c.mov(__dword_ptr[immediate], eax);
        c.db(0xBD);
        c.Label(ref immediate);
        c.dd(0);
        c.add(rbx, rbp);
    }

    /// <summary>Interrupts its processor at each write, and answers reads with how many there were.</summary>
    private sealed class ExactDevice : IPortIo, IMmioPort
    {
        private uint _writes;

        public X86Cpu? Cpu { get; set; }

        public FakeApic? Apic { get; set; }

        public uint ReadPort(ushort port, int sizeBytes) => _writes;

        public void WritePort(ushort port, int sizeBytes, uint value) => Raise();

        public ulong ReadMmio(ulong gpa, int sizeBytes) => _writes;

        public void WriteMmio(ulong gpa, int sizeBytes, ulong value) => Raise();

        private void Raise()
        {
            _writes++;
            Apic!.Raise(Interrupt);
            Cpu!.SignalInterrupt();
        }
    }
}
