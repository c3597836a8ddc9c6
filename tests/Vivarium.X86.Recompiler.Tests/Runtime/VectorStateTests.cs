using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>Vector registers on their way to the interpreter and back, with upper halves in use and not.</summary>
public sealed class VectorStateTests
{
    private const ulong Values = GuestProgram.Data;
    private const ulong Results = GuestProgram.Data + 0x400;
    private const ulong SaveArea = GuestProgram.Data + 0x800;
    private const int RegisterBytes = 32;
    private const int SavedUpperHalves = 576;

    /// <summary>The code is run twice, so that its blocks are linked the second time.</summary>
    private const int Rounds = 2;

    private static readonly AssemblerRegisterXMM[] s_xmm = [xmm0, xmm1, xmm2, xmm3, xmm4, xmm5, xmm6, xmm7, xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14, xmm15];
    private static readonly AssemblerRegisterYMM[] s_ymm = [ymm0, ymm1, ymm2, ymm3, ymm4, ymm5, ymm6, ymm7, ymm8, ymm9, ymm10, ymm11, ymm12, ymm13, ymm14, ymm15];

    /// <summary>CPUID is interpreted; the instruction behind it is SSE's and leaves the upper halves alone.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1 << 15)]
    [InlineData(0xFFFF)]
    public void UpperHalvesInUseSurviveTheInterpreter(int used)
    {
        using var program = Program(code =>
        {
            Load(code, used);
            code.cpuid();
            code.paddq(xmm3, xmm3);
            code.xor(eax, eax);
            code.cpuid();
            Store(code);
        });
        program.Run().AssertCompleted();
        for (var i = 0; i < s_ymm.Length; i++)
        {
            Assert.Equal(Value(i, 0) * (i == 3 ? 2UL : 1), program.Memory.Read<ulong>(Result(i, 0)));
            Assert.Equal((used >> i & 1) != 0 ? Value(i, 2) : 0, program.Memory.Read<ulong>(Result(i, 2)));
            Assert.Equal((used >> i & 1) != 0 ? Value(i, 3) : 0, program.Memory.Read<ulong>(Result(i, 3)));
        }
    }

    [Fact]
    public void WhatWasClearedDoesNotComeBack()
    {
        using var program = Program(code =>
        {
            Load(code, 0xFFFF);
            code.cpuid();
            code.paddq(xmm3, xmm3);
            code.vzeroupper();
            code.cpuid();
            code.paddq(xmm3, xmm3);
            Store(code);
        });
        program.Run().AssertCompleted();
        for (var i = 0; i < s_ymm.Length; i++)
        {
            Assert.Equal(Value(i, 1) * (i == 3 ? 4UL : 1), program.Memory.Read<ulong>(Result(i, 1)));
            Assert.Equal(0UL, program.Memory.Read<ulong>(Result(i, 2)));
        }
    }

    /// <summary>XRSTOR is interpreted: it gives upper halves to registers that had none, and takes them from those that had.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void UpperHalvesThatTheInterpreterWritesAreTaken(bool gives)
    {
        using var program = Program(code =>
        {
            Load(code, gives ? 0 : 0xFFFF);
            code.mov(eax, 4);
            code.xor(edx, edx);
            code.xrstor(__[(long)SaveArea]);
            code.paddq(xmm3, xmm3);
            Store(code);
        });
        program.Memory.Write(SaveArea + 512, gives ? 4UL : 0);
        for (var i = 0; i < s_ymm.Length; i++)
        {
            program.Memory.Write(SaveArea + SavedUpperHalves + ((ulong)i * 16), ~Value(i, 2));
            program.Memory.Write(SaveArea + SavedUpperHalves + ((ulong)i * 16) + 8, ~Value(i, 3));
        }

        program.Run().AssertCompleted();
        for (var i = 0; i < s_ymm.Length; i++)
        {
            Assert.Equal(gives ? ~Value(i, 2) : 0, program.Memory.Read<ulong>(Result(i, 2)));
            Assert.Equal(gives ? ~Value(i, 3) : 0, program.Memory.Read<ulong>(Result(i, 3)));
        }
    }

    private static GuestProgram Program(Action<Assembler> body)
    {
        var program = GuestProgram.Long(code =>
        {
            code.xor(ecx, ecx);
            code.xor(edx, edx);
            code.mov(eax, 7);
            code.xsetbv();
            var again = code.CreateLabel();
            code.mov(ebp, Rounds);
            code.Label(ref again);
            body(code);
            code.dec(ebp);
            code.jnz(again);
            code.hlt();
        });
        program[X86Register.Cr4] = 0x40620;
        for (var i = 0; i < s_ymm.Length * 4; i++)
        {
            program.Memory.Write(Values + ((ulong)i * 8), Value(i / 4, i % 4));
        }

        return program;
    }

    private static void Load(Assembler code, int used)
    {
        for (var i = 0; i < s_ymm.Length; i++)
        {
            if ((used >> i & 1) != 0)
            {
                code.vmovdqu(s_ymm[i], __ymmword_ptr[(long)Values + (i * RegisterBytes)]);
            }
            else
            {
                code.vmovdqu(s_xmm[i], __xmmword_ptr[(long)Values + (i * RegisterBytes)]);
            }
        }
    }

    private static void Store(Assembler code)
    {
        for (var i = 0; i < s_ymm.Length; i++)
        {
            code.vmovdqu(__ymmword_ptr[(long)Results + (i * RegisterBytes)], s_ymm[i]);
        }
    }

    private static ulong Value(int register, int quad) => 0x0101_0101_0101_0101UL * ((ulong)register + 1) ^ ((ulong)quad + 1) << 60;

    private static ulong Result(int register, int quad) => Results + ((ulong)register * RegisterBytes) + ((ulong)quad * 8);
}
