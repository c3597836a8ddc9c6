using Vivarium.Memory;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>Stores into code: the same block, another page, another processor, a device (Intel SDM Vol. 3A §9.1.3).</summary>
public sealed class SelfModifyingCodeTests
{
    private const ulong Routine = GuestProgram.Data;

    [Fact]
    public void AStoreIntoTheNextInstructionTakesEffectAtOnce()
    {
        using var program = GuestProgram.Long(code =>
        {
            var target = code.CreateLabel();
            code.lea(rbx, __[target]);
            code.mov(__byte_ptr[rbx + 1], 0x77);
            code.Label(ref target);
            code.mov(al, 0x11);
            code.hlt();
        });
        program.Run().AssertCompleted();
        Assert.Equal(0x77UL, program[X86Register.Rax]);
    }

    [Fact]
    public void DataBesideCodeIsWrittenWithoutDroppingTheCode()
    {
        using var program = GuestProgram.Long(code =>
        {
            var again = code.CreateLabel();
            code.mov(rbx, GuestProgram.CodeBase + 0x800);
            code.mov(ecx, 100);
            code.Label(ref again);
            code.mov(__dword_ptr[rbx], ecx);
            code.@lock.inc(__dword_ptr[rbx + 8]);
            code.dec(ecx);
            code.jnz(again);
            code.hlt();
        });
        var listener = new CountingListener();
        program.Memory.AddCodeListener(listener);
        program.Run().AssertCompleted();
        Assert.Equal(0, listener.Count);
        Assert.Equal(1, program.Memory.Read<int>(GuestProgram.CodeBase + 0x800));
        Assert.Equal(100, program.Memory.Read<int>(GuestProgram.CodeBase + 0x808));
    }

    /// <summary>Eight bytes of data, then a routine: both change at once, or the instruction that starts again would find half of it changed.</summary>
    [Fact]
    public void CompareExchange16IntoCodeIsWhole()
    {
        const ulong OldRoutine = 0x9090C311111111B8;
        const ulong NewRoutine = 0x9090C322222222B8;
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rsi, Routine);
            code.lea(rdi, __[rsi + 8]);
            code.call(rdi);
            code.mov(r9d, eax);
            code.mov(rax, 0x1122334455667788);
            code.mov(rdx, OldRoutine);
            code.mov(rbx, 0x99);
            code.mov(rcx, NewRoutine);
            code.@lock.cmpxchg16b(__[rsi]);
            code.sete(r8b);
            code.call(rdi);
            code.hlt();
        });
        program.Memory.Write(Routine, 0x1122334455667788UL);
        program.Memory.Write(Routine + 8, OldRoutine);
        program.Run().AssertCompleted();
        Assert.Equal(0x11111111UL, program[X86Register.R9]);
        Assert.Equal(1UL, program[X86Register.R8] & 0xFF);
        Assert.Equal(0x22222222UL, program[X86Register.Rax]);
        Assert.Equal(0x99UL, program.Memory.Read<ulong>(Routine));
        Assert.Equal(NewRoutine, program.Memory.Read<ulong>(Routine + 8));
    }

    [Fact]
    public void ALoopThatRewritesItselfSeesEveryVersion()
    {
        using var program = GuestProgram.Long(code =>
        {
            var again = code.CreateLabel();
            var target = code.CreateLabel();
            code.xor(edx, edx);
            code.lea(rbx, __[target]);
            code.mov(ecx, 100);
            code.Label(ref again);
            code.mov(__byte_ptr[rbx + 2], cl);
            code.Label(ref target);
            code.add(edx, 0x55);
            code.dec(ecx);
            code.jnz(again);
            code.hlt();
        });
        program.Run().AssertCompleted();
        Assert.Equal(5050UL, program[X86Register.Rdx]);
    }

    [Fact]
    public void AStoreIntoAnotherPageAndDmaAreSeen()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rbx, Routine);
            code.call(rbx);
            code.mov(esi, eax);
            code.mov(__dword_ptr[rbx + 1], 0x222);
            code.call(rbx);
            code.mov(edi, eax);
            code.hlt();
            code.call(rbx);
            code.hlt();
        });
        program.Load(code => { code.mov(eax, 0x111); code.ret(); }, Routine, Routine);
        program.Run().AssertCompleted();
        Assert.Equal((0x111UL, 0x222UL), (program[X86Register.Rsi], program[X86Register.Rdi]));
        program.Memory.TryWrite(Routine + 1, BitConverter.GetBytes(0x333));
        program.Run().AssertCompleted();
        Assert.Equal(0x333UL, program[X86Register.Rax]);
    }

    [Fact]
    public void APushOntoACodePageAndARepeatOverItAreSeen()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.xor(edx, edx);
            code.mov(rbx, Routine);
            code.call(rbx);
            code.mov(rsp, Routine + 8);
            code.push(0x0);
            code.mov(rsp, GuestProgram.StackTop);
            code.mov(rdi, Routine);
            code.mov(al, 0x90);
            code.mov(ecx, 8);
            code.rep.stosb();
            code.call(rbx);
            code.hlt();
        });
        program.Load(code => { code.mov(eax, 0x111); code.nop(); code.nop(); code.nop(); code.inc(edx); code.ret(); }, Routine, Routine);
        program.Run().AssertCompleted();
        Assert.Equal((0x90UL, 2UL), (program[X86Register.Rax] & 0xFF, program[X86Register.Rdx]));
    }

    [Fact]
    public void AnotherProcessorSeesModifiedCode()
    {
        // The first spins in a routine until the second has rewritten its immediate.
        using var first = GuestProgram.Long(code =>
        {
            var again = code.CreateLabel();
            code.mov(rbx, Routine);
            code.Label(ref again);
            code.call(rbx);
            code.cmp(eax, 0x42);
            code.jne(again);
            code.hlt();
        });
        first.Load(code => { code.mov(eax, 0); code.ret(); }, Routine, Routine);
        using var second = first.AddProcessor(code => { code.mov(rbx, Routine); code.mov(__dword_ptr[rbx + 1], 0x42); code.hlt(); }, 0x11000);
        var run = new BackgroundRun(first);
        Assert.Null(run.Wait(20));
        second.Run().AssertCompleted();
        Assert.Equal(VcpuExitReason.Halted, run.Wait(10_000)?.Exit);
    }

    private sealed class CountingListener : ICodePageListener
    {
        public int Count { get; private set; }

        public void OnCodePageInvalidated(ulong pageGpa) => Count++;
    }
}
