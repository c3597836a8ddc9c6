using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>Two processors on two threads: locked operations, startup, and leaving promptly.</summary>
public sealed class MultiprocessorTests
{
    private const ulong SecondCode = 0x11000;
    private const int Rounds = 20_000;
    private const int WideRounds = 2_000;

    [Theory]
    [InlineData(0x100UL)]
    [InlineData(0xFFDUL)]
    public void LockedIncrementsAreNotLost(ulong offset) => Count(Rounds / (offset == 0x100 ? 1 : 10), GuestProgram.Data + offset, code => code.@lock.inc(__dword_ptr[rbx]));

    [Fact]
    public void LockedXaddsAreNotLost() => Count(Rounds, GuestProgram.Data, code => { code.mov(eax, 1); code.@lock.xadd(__dword_ptr[rbx], eax); });

    [Fact]
    public void CompareExchange8ByteLoopsLoseNothing() => Count(Rounds, GuestProgram.Data, code => CompareExchangeLoop(code, wide: false));

    [Fact]
    public void CompareExchange16ByteLoopsLoseNothing() => Count(WideRounds, GuestProgram.Data, code => CompareExchangeLoop(code, wide: true));

    [Fact]
    public void AProcessorStartsAtItsVector()
    {
        using var memory = new Memory.GuestMemory();
        memory.AddRam(0, 0x100000);
        using var engine = TestEngine.Create();
        using var cpu = new X86Cpu(new X86CpuOptions { Memory = memory, Engine = engine, IsBootstrap = false, Index = 1, CpuCount = 2 });
        Assert.Equal(VcpuExitReason.Halted, cpu.Run(10).Reason);
        memory.TryWrite(0x9A000, [0xB8, 0x34, 0x12, 0xF4]);
        cpu.SignalInit();
        cpu.SignalStartup(0x9A);
        Assert.True(cpu.HasWork);
        Assert.Equal(new VcpuExit(VcpuExitReason.Halted, 2), cpu.Run(10));
        Assert.Equal(0x1234UL, cpu[X86Register.Rax]);
        Assert.Equal((0x9A00, 0x9A000UL), (cpu.GetSegment(X86Segment.Cs).Selector, cpu.GetSegment(X86Segment.Cs).Base));

        // A second startup IPI to a running processor does nothing; INIT takes it back.
        cpu.SignalStartup(0x10);
        Assert.Equal(VcpuExitReason.Halted, cpu.Run(10).Reason);
        Assert.Equal(0x9A00, cpu.GetSegment(X86Segment.Cs).Selector);
        cpu.SignalInit();
        Assert.Equal(VcpuExitReason.Halted, cpu.Run(10).Reason);
        Assert.Equal(0UL, cpu[X86Register.Rax]);
    }

    /// <summary>A device that throws ends its processor's run; nobody waits for that processor from then on.</summary>
    [Fact]
    public async Task AProcessorThatFailedHoldsNobodyUp()
    {
        using var program = GuestProgram.Long(
            static code =>
            {
                code.mov(dx, 0x1234);
                code.@in(eax, dx);
                code.hlt();
            },
            null,
            static options => options with { PortIo = new BrokenDevice() });
        Assert.Throws<InvalidDataException>(() => program.Cpu.Run(100));
        await Task.Run(() => program.Memory.Revocation.Revoke(null)).WaitAsync(TimeSpan.FromSeconds(30));
    }

    private sealed class BrokenDevice : IPortIo
    {
        public uint ReadPort(ushort port, int sizeBytes) => throw new InvalidDataException("The device is broken.");

        public void WritePort(ushort port, int sizeBytes, uint value)
        {
        }
    }

    [Fact]
    public void InitRestartsTheBootstrapProcessorAtItsResetVector()
    {
        using var program = GuestProgram.Long(code => code.hlt());
        program.Run().AssertCompleted();
        program.Cpu.SignalInit();
        Assert.Equal(VcpuExitReason.Budget, program.Cpu.Run(0).Reason);
        Assert.Equal((0UL, 0UL), (program[X86Register.Efer], program[X86Register.Cr4]));
        Assert.Equal(0xF000, program.Cpu.GetSegment(X86Segment.Cs).Selector);
    }

    [Fact]
    public void AStopRequestEndsAnEndlessLoop()
    {
        using var program = GuestProgram.Long(code => { var here = code.CreateLabel(); code.Label(ref here); code.jmp(here); });
        var run = new BackgroundRun(program);
        Assert.Null(run.Wait(20));
        program.Cpu.RequestStop();
        Assert.Equal(VcpuExitReason.Stopped, run.Wait(10_000)?.Exit);
    }

    [Fact]
    public void AStopRequestEndsAnEndlessRepeat()
    {
        using var program = GuestProgram.Long(code => code.rep.lodsb());
        program[X86Register.Rsi] = GuestProgram.Data;
        program[X86Register.Rcx] = 0x200000;
        program.Cpu.RequestStop();
        Assert.Equal(new VcpuExit(VcpuExitReason.Stopped, 0), program.Cpu.Run(long.MaxValue));
        Assert.Equal(new VcpuExit(VcpuExitReason.Budget, 0), program.Cpu.Run(1));
        Assert.InRange(program[X86Register.Rcx], 0x100000UL, 0x1FFFFFUL);
    }

    private static void Count(int rounds, ulong counter, Action<Assembler> increment)
    {
        void Loop(Assembler code)
        {
            var again = code.CreateLabel();
            code.mov(rbx, counter);
            code.mov(rdi, counter);
            code.mov(ebp, rounds);
            code.Label(ref again);
            increment(code);
            code.dec(ebp);
            code.jnz(again);
            code.hlt();
        }

        using var first = GuestProgram.Long(Loop);
        using var second = first.AddProcessor(Loop, SecondCode);
        var other = new BackgroundRun(second);
        first.Run(long.MaxValue).AssertCompleted();
        Assert.NotNull(other.Wait(20_000));
        Assert.Equal((uint)(2 * rounds), first.Memory.Read<uint>(counter));
    }

    /// <summary>Reads the counter at RDI, adds one to the low half and to the high half, and tries until nobody was faster.</summary>
    private static void CompareExchangeLoop(Assembler code, bool wide)
    {
        var again = code.CreateLabel();
        code.xor(eax, eax);
        code.xor(edx, edx);
        code.Label(ref again);
        if (wide)
        {
            code.mov(rbx, rax);
            code.mov(rcx, rdx);
            code.inc(rbx);
            code.inc(rcx);
            code.@lock.cmpxchg16b(__xmmword_ptr[rdi]);
        }
        else
        {
            code.mov(ebx, eax);
            code.mov(ecx, edx);
            code.inc(ebx);
            code.inc(ecx);
            code.@lock.cmpxchg8b(__qword_ptr[rdi]);
        }

        code.jne(again);
    }
}
