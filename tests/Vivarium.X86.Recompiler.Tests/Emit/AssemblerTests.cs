using Iced.Intel;
using static Vivarium.X86.HostRegister;

namespace Vivarium.X86.Tests;

/// <summary>Every instruction that <see cref="X64Assembler"/> writes, decoded by Iced: all registers, all forms of memory operands.</summary>
public sealed unsafe class AssemblerTests
{
    private static readonly string[] s_alu = ["Add", "Or", "Adc", "Sbb", "And", "Sub", "Xor", "Cmp"];
    private static readonly int[] s_displacements = [0, 1, -1, 8, 127, -128, 128, -129, 0x12345, int.MinValue, int.MaxValue];

    [Fact]
    public void MovesBetweenRegisters() => ForRegisters((a, b) =>
    {
        Check(Mnemonic.Mov, x => x.Move(8, a, b), Full(a), Full(b));
        Check(Mnemonic.Mov, x => x.Move(4, a, b), Half(a), Half(b));
        for (var operation = 0; operation < 8; operation++)
        {
            var mnemonic = Enum.Parse<Mnemonic>(s_alu[operation]);
            Check(mnemonic, x => x.AluRegister(8, operation, a, b), Full(a), Full(b));
            Check(mnemonic, x => x.AluRegister(4, operation, a, b), Half(a), Half(b));
        }
    });

    [Fact]
    public void OneRegister()
    {
        for (var a = 0; a < 16; a++)
        {
            var register = a;
            Check(Mnemonic.Push, x => x.Push(register), Full(a));
            Check(Mnemonic.Pop, x => x.Pop(register), Full(a));
            foreach (var size in (int[])[4, 8])
            {
                var named = size == 8 ? Full(a) : Half(a);
                Check(Mnemonic.Test, x => x.TestSelf(size, register), named, named);
                foreach (var (operation, mnemonic) in ((int, Mnemonic)[])[(4, Mnemonic.Shl), (5, Mnemonic.Shr), (7, Mnemonic.Sar)])
                {
                    var shift = Check(mnemonic, x => x.Shift(size, operation, register, 13), named);
                    Assert.Equal(13, shift.Immediate8);
                }

                for (var b = 0; b < 16; b++)
                {
                    var source = b;
                    var product = Check(Mnemonic.Imul, x => x.Multiply(size, register, source, unchecked((int)0x9E3779B9)), named, size == 8 ? Full(b) : Half(b));
                    Assert.Equal(unchecked((int)0x9E3779B9), (int)product.GetImmediate(2));
                }

                foreach (var value in s_displacements)
                {
                    for (var operation = 0; operation < 8; operation++)
                    {
                        var instruction = Check(Enum.Parse<Mnemonic>(s_alu[operation]), x => x.Alu(size, operation, register, value), named);
                        Assert.Equal(value, (int)instruction.GetImmediate(1));
                    }
                }
            }

            foreach (var value in (long[])[0, 1, -1, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 32, long.MaxValue, long.MinValue])
            {
                var instruction = Decode(x => x.MoveImmediate(register, value));
                Assert.Equal(Mnemonic.Mov, instruction.Mnemonic);
                Assert.Equal(Full(a), instruction.Op0Register.GetFullRegister());
                Assert.Equal((ulong)value, instruction.Op0Register.GetSize() == 4 ? (uint)instruction.GetImmediate(1) : instruction.GetImmediate(1));
            }
        }
    }

    [Fact]
    public void MemoryOperands() => ForOperands(memory =>
    {
        for (var a = 0; a < 16; a += 5)
        {
            var register = a;
            CheckMemory(Mnemonic.Mov, memory, 8, x => x.Load(8, register, memory), Full(a), registerFirst: true);
            CheckMemory(Mnemonic.Mov, memory, 4, x => x.Load(4, register, memory), Half(a), registerFirst: true);
            CheckMemory(Mnemonic.Mov, memory, 8, x => x.Store(8, memory, register), Full(a), registerFirst: false);
            CheckMemory(Mnemonic.Mov, memory, 4, x => x.Store(4, memory, register), Half(a), registerFirst: false);
            CheckMemory(Mnemonic.Mov, memory, 2, x => x.Store16(memory, register), Register.AX + a, registerFirst: false);
            CheckMemory(Mnemonic.Movzx, memory, 2, x => x.LoadZero16(register, memory), Half(a), registerFirst: true);
            CheckMemory(Mnemonic.Lea, memory, 0, x => x.LoadAddress(8, register, memory), Full(a), registerFirst: true);
            CheckMemory(Mnemonic.Lea, memory, 0, x => x.LoadAddress(4, register, memory), Half(a), registerFirst: true);
            for (var operation = 0; operation < 8; operation++)
            {
                CheckMemory(Enum.Parse<Mnemonic>(s_alu[operation]), memory, 8, x => x.AluLoad(8, operation, register, memory), Full(a), registerFirst: true);
            }
        }

        foreach (var value in (int[])[0, -1, 127, 128, int.MinValue])
        {
            Assert.Equal((ulong)value, CheckMemory(Mnemonic.Mov, memory, 8, x => x.StoreImmediate(8, memory, value)).GetImmediate(1));
            Assert.Equal((uint)value, (uint)CheckMemory(Mnemonic.Mov, memory, 4, x => x.StoreImmediate(4, memory, value)).GetImmediate(1));
            for (var operation = 0; operation < 8; operation++)
            {
                Assert.Equal(value, (int)CheckMemory(Enum.Parse<Mnemonic>(s_alu[operation]), memory, 4, x => x.Alu(4, operation, memory, value)).GetImmediate(1));
            }
        }

        CheckMemory(Mnemonic.Jmp, memory, 8, x => x.JumpIndirect(memory));
        CheckMemory(Mnemonic.Call, memory, 8, x => x.CallIndirect(memory));
    });

    [Fact]
    public void JumpsLeadWhereTheyAreBound()
    {
        for (var condition = 0; condition < 16; condition++)
        {
            var jump = Decode(x => x.Bind(x.JumpIf(condition)), out _);
            Assert.Equal(condition, (int)jump.ConditionCode - 1);
            Assert.Equal(jump.NextIP, jump.NearBranchTarget);
        }

        Assert.Equal(Mnemonic.Ret, Decode(x => x.Return()).Mnemonic);
        foreach (var (mnemonic, write) in ((Mnemonic, Action<X64Assembler, nint>)[])
            [(Mnemonic.Jmp, (x, target) => x.Jump((byte*)target)), (Mnemonic.Call, (x, target) => x.Call((byte*)target)), (Mnemonic.Lea, (x, target) => x.LoadRelativeAddress(R13, (byte*)target))])
        {
            foreach (var distance in (int[])[0, 100, -100, 1 << 20])
            {
                var instruction = Decode(x => write(x, (nint)(x.Position + distance)), out var start);
                Assert.Equal(mnemonic, instruction.Mnemonic);
                Assert.Equal(start + (ulong)distance, mnemonic == Mnemonic.Lea ? instruction.IPRelativeMemoryAddress : instruction.NearBranchTarget);
            }
        }
    }

    [Fact]
    public void ThunksDecode()
    {
        using var cache = new CodeCache(1 << 20);
        var thunks = cache.Thunks;
        foreach (var start in (nint[])[(nint)thunks.Enter, (nint)thunks.Exit, (nint)thunks.Interpret, (nint)thunks.LoadVectors])
        {
            var bytes = new ReadOnlySpan<byte>((byte*)start, (int)(cache.Next - (byte*)start)).ToArray();
            var decoder = Decoder.Create(64, bytes, (ulong)start);
            Instruction instruction;
            do
            {
                decoder.Decode(out instruction);
                Assert.False(instruction.IsInvalid);
                Assert.NotEqual(Mnemonic.Int3, instruction.Mnemonic);
            }
            while (instruction.FlowControl is not (FlowControl.Return or FlowControl.UnconditionalBranch or FlowControl.IndirectBranch));
        }
    }

    private static Register Full(int number) => Register.RAX + number;

    private static Register Half(int number) => Register.EAX + number;

    private static void ForRegisters(Action<int, int> check)
    {
        for (var i = 0; i < 256; i++)
        {
            check(i >> 4, i & 15);
        }
    }

    private static void ForOperands(Action<HostOperand> check)
    {
        foreach (var displacement in s_displacements)
        {
            for (var b = -1; b < 16; b++)
            {
                check(new HostOperand(b, displacement));
                for (var index = 0; index < 16; index++)
                {
                    if (index != Rsp)
                    {
                        check(new HostOperand(b, index, (b + index + 1) & 3, displacement));
                    }
                }
            }
        }
    }

    private static Instruction Check(Mnemonic mnemonic, Action<X64Assembler> write, params ReadOnlySpan<Register> registers)
    {
        var instruction = Decode(write);
        Assert.Equal(mnemonic, instruction.Mnemonic);
        for (var k = 0; k < registers.Length; k++)
        {
            Assert.Equal((OpKind.Register, registers[k]), (instruction.GetOpKind(k), instruction.GetOpRegister(k)));
        }

        return instruction;
    }

    private static Instruction CheckMemory(Mnemonic mnemonic, HostOperand memory, int size, Action<X64Assembler> write, Register register = Register.None, bool registerFirst = false)
    {
        var instruction = Decode(write);
        var scale = memory.Index == None ? 1 : 1 << memory.Scale;
        Assert.Equal(
            (mnemonic, size, memory.Base == None ? Register.None : Full(memory.Base), memory.Index == None ? Register.None : Full(memory.Index), scale, memory.Displacement),
            (instruction.Mnemonic, instruction.MemorySize.GetSize(), instruction.MemoryBase, instruction.MemoryIndex, instruction.MemoryIndexScale, (int)instruction.MemoryDisplacement64));
        Assert.Equal(OpKind.Memory, instruction.GetOpKind(registerFirst ? 1 : 0));
        if (register != Register.None)
        {
            Assert.Equal(register, instruction.GetOpRegister(registerFirst ? 0 : 1));
        }

        return instruction;
    }

    private static Instruction Decode(Action<X64Assembler> write) => Decode(write, out _);

    /// <summary>The one instruction that is written, from its first byte to its last.</summary>
    private static Instruction Decode(Action<X64Assembler> write, out ulong start)
    {
        // SAFETY: no instruction has more bytes.
        var buffer = stackalloc byte[32];
        var assembler = new X64Assembler();
        assembler.Begin(buffer);
        write(assembler);
        var length = (int)(assembler.Position - buffer);
        start = (ulong)buffer;
        var instruction = Decoder.Create(64, new ReadOnlySpan<byte>(buffer, length).ToArray(), start).Decode();
        Assert.False(instruction.IsInvalid);
        Assert.Equal(length, instruction.Length);
        return instruction;
    }
}
