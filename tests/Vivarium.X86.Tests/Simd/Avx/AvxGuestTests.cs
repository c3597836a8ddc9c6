using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>AVX in whole programs: masked moves at the end of a page, gathers that fault halfway, and modes without VEX.</summary>
public sealed class AvxGuestTests
{
    private const ulong Mask = GuestProgram.Data + 0x100;
    private const ulong Results = GuestProgram.Data + 0x800;
    private const ulong NextPage = GuestProgram.Data + 0x1000;

    /// <summary>The first five of eight doublewords lie in the page, the others in one that is not present.</summary>
    private const ulong AtEnd = NextPage - 20;

    [Theory]
    [InlineData(0b0001_1111, null)]
    [InlineData(0b0000_0000, null)]
    [InlineData(0b0010_1111, 0u)]
    [InlineData(0b1000_0000, 0u)]
    public void MaskedLoadsTouchOnlyWhatIsChosen(int chosen, uint? error)
    {
        using var program = Program(code =>
        {
            code.vmovdqu(ymm1, __ymmword_ptr[(long)Mask]);
            code.vmaskmovps(ymm0, ymm1, __ymmword_ptr[rbx]);
            code.vmovdqu(__ymmword_ptr[(long)Results], ymm0);
            code.hlt();
        });
        program[X86Register.Rbx] = AtEnd;
        WriteMask(program, chosen);
        for (var i = 0UL; i < 5; i++)
        {
            program.Memory.Write(AtEnd + (i * 4), (uint)i + 1);
        }

        Check(program, error);
        for (var i = 0; error is null && i < 8; i++)
        {
            Assert.Equal((chosen >> i & 1) != 0 ? (uint)i + 1 : 0, program.Memory.Read<uint>(Results + ((ulong)i * 4)));
        }
    }

    [Theory]
    [InlineData(0b0001_0110, null)]
    [InlineData(0b0000_0000, null)]
    [InlineData(0b1000_0000, 2u)]
    public void MaskedStoresTouchOnlyWhatIsChosen(int chosen, uint? error)
    {
        using var program = Program(code =>
        {
            code.vmovdqu(ymm1, __ymmword_ptr[(long)Mask]);
            code.vpcmpeqd(ymm0, ymm0, ymm0);
            code.vpmaskmovd(__ymmword_ptr[rbx], ymm1, ymm0);
            code.hlt();
        });
        program[X86Register.Rbx] = AtEnd;
        WriteMask(program, chosen);
        Check(program, error);
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal((chosen >> i & 1) != 0 ? uint.MaxValue : 0, program.Memory.Read<uint>(AtEnd + ((ulong)i * 4)));
        }
    }

    [Fact]
    public void NothingChosenMeansNoFaultAnywhere()
    {
        using var program = Program(code =>
        {
            code.vpxor(ymm1, ymm1, ymm1);
            code.mov(rbx, 0x8000_0000_0000_0000);
            code.vmaskmovpd(ymm0, ymm1, __ymmword_ptr[rbx]);
            code.vmaskmovpd(__ymmword_ptr[rbx], ymm1, ymm0);
            code.vpgatherqq(ymm0, __ymmword_ptr[rbx + ymm2 * 8], ymm1);
            code.hlt();
        });
        program.Run().AssertCompleted();
    }

    [Fact]
    public void AGatherThatFaultsKeepsItsProgressAndRestarts()
    {
        using var program = Program(code =>
        {
            code.vpcmpeqd(ymm1, ymm1, ymm1);
            code.vpxor(ymm0, ymm0, ymm0);
            code.vmovdqu(ymm2, __ymmword_ptr[(long)Mask]);
            code.vpgatherdd(ymm0, __ymmword_ptr[rbx + ymm2 * 4 - 16], ymm1);
            code.vmovdqu(__ymmword_ptr[(long)Results], ymm0);
            code.vmovdqu(__ymmword_ptr[(long)Results + 32], ymm1);
            code.hlt();
        });

        // The page-fault handler records the registers, maps the page and returns; the fault must come at element 5.
        program.Load(code =>
        {
            code.vmovdqu(__ymmword_ptr[(long)Results + 64], ymm0);
            code.vmovdqu(__ymmword_ptr[(long)Results + 96], ymm1);
            code.inc(__dword_ptr[(long)Results + 128]);
            code.mov(rax, cr2);
            code.mov(__qword_ptr[(long)Results + 136], rax);
            code.or(__byte_ptr[(long)GuestProgram.EntryOf(NextPage)], 1);
            code.add(rsp, 8);
            code.iretq();
        }, 0x30000, 0x30000);
        var gate = GuestProgram.Gate(GuestProgram.Code64, 0x30000, 0x8E);
        program.SetGate(14, gate);
        program[X86Register.Rbx] = GuestProgram.Data + 16;
        for (var i = 0UL; i < 8; i++)
        {
            program.Memory.Write(Mask + (i * 4), i < 5 ? (uint)(i * 3) : 0x400 + (uint)i);
            program.Memory.Write(GuestProgram.Data + (i * 12), (uint)i + 1);
            program.Memory.Write(NextPage + (i * 4), (uint)i + 1);
        }

        program.Run().AssertCompleted();
        Assert.Equal(1u, program.Memory.Read<uint>(Results + 128));
        Assert.Equal(NextPage + 20, program.Memory.Read<ulong>(Results + 136));
        for (var i = 0UL; i < 8; i++)
        {
            Assert.Equal((uint)i + 1, program.Memory.Read<uint>(Results + (i * 4)));
            Assert.Equal(0u, program.Memory.Read<uint>(Results + 32 + (i * 4)));
            Assert.Equal(i < 5 ? (uint)i + 1 : 0, program.Memory.Read<uint>(Results + 64 + (i * 4)));
            Assert.Equal(i < 5 ? 0 : uint.MaxValue, program.Memory.Read<uint>(Results + 96 + (i * 4)));
        }
    }

    /// <summary>Without a base register, with negative indices, and with the address cut to 32 bits.</summary>
    [Fact]
    public void GathersFormTheirAddresses()
    {
        using var program = Program(code =>
        {
            code.vmovdqu(xmm2, __xmmword_ptr[(long)Mask]);
            code.vpcmpeqd(xmm1, xmm1, xmm1);
            code.vpgatherdd(xmm0, __xmmword_ptr[xmm2 * 4 + (long)GuestProgram.Data], xmm1);
            code.vmovdqu(__xmmword_ptr[(long)Results], xmm0);
            code.vpcmpeqd(xmm1, xmm1, xmm1);
            code.mov(rbx, 0xFFFF_FFFF_0000_0000 | GuestProgram.Data);
            code.db(0x67);
            code.vpgatherdd(xmm0, __xmmword_ptr[rbx + xmm2 * 4], xmm1);
            code.vmovdqu(__xmmword_ptr[(long)Results + 16], xmm0);
            code.hlt();
        });
        int[] indices = [0, -1, 5, -7];
        for (var i = 0; i < 4; i++)
        {
            program.Memory.Write(Mask + ((ulong)i * 4), (uint)indices[i]);
            program.Memory.Write((ulong)((long)GuestProgram.Data + (indices[i] * 4)), (uint)i + 1);
        }

        program.Run().AssertCompleted();
        for (var i = 0UL; i < 8; i++)
        {
            Assert.Equal((uint)(i & 3) + 1, program.Memory.Read<uint>(Results + (i * 4)));
        }
    }

    /// <summary>With CR0.AM and EFLAGS.AC at CPL 3, neither gathers nor masked moves check alignment, whatever their elements.</summary>
    [Fact]
    public void GathersAndMaskedMovesNeverCheckAlignment()
    {
        using var program = Program(code =>
        {
            var user = code.CreateLabel();
            code.push(GuestProgram.UserData);
            code.push((int)GuestProgram.StackTop);
            code.push(0x40002);
            code.push(GuestProgram.UserCode64);
            code.lea(rax, __[user]);
            code.push(rax);
            code.iretq();
            code.Label(ref user);
            code.vpcmpeqd(ymm1, ymm1, ymm1);
            code.vpxor(ymm2, ymm2, ymm2);
            code.vpgatherdd(ymm0, __ymmword_ptr[rbx + ymm2 * 4], ymm1);
            code.vpcmpeqd(ymm1, ymm1, ymm1);
            code.vmaskmovps(__ymmword_ptr[rbx + 64], ymm1, ymm0);
            code.vmaskmovps(ymm3, ymm1, __ymmword_ptr[rbx]);
            code.mov(eax, __dword_ptr[rbx]);
        });
        program[X86Register.Cr0] = 0x80050033;
        program[X86Register.Rbx] = GuestProgram.Data + 1;
        program.Memory.Write(GuestProgram.Data + 1, 0x12345678u);

        // The last, an ordinary load, shows that the check is on.
        program.Run().AssertFault(17, 0);
        Assert.Equal(0x12345678u, program.Memory.Read<uint>(GuestProgram.Data + 65));
    }

    [Fact]
    public void WideMovesCrossPages()
    {
        using var program = Program(code =>
        {
            code.vmovdqu(ymm0, __ymmword_ptr[rbx]);
            code.vmovdqu(__ymmword_ptr[rbx + 0x1000], ymm0);
            code.hlt();
        });
        program.Memory.Write(GuestProgram.EntryOf(NextPage), NextPage | 7);
        program[X86Register.Rbx] = NextPage - 12;
        var bytes = Enumerable.Range(1, 32).Select(i => (byte)i).ToArray();
        program.Memory.TryWrite(NextPage - 12, bytes);
        program.Run().AssertCompleted();
        var copy = new byte[32];
        program.Memory.TryRead(NextPage + 0x1000 - 12, copy);
        Assert.Equal(bytes, copy);
    }

    [Fact]
    public void AStoreThatFaultsInItsSecondPageWritesNothing()
    {
        using var program = Program(code =>
        {
            code.vpcmpeqd(ymm0, ymm0, ymm0);
            code.vmovdqu(__ymmword_ptr[rbx], ymm0);
            code.hlt();
        });
        program[X86Register.Rbx] = NextPage - 12;
        program.Run().AssertFault(14, 2);
        Assert.Equal(0u, program.Memory.Read<uint>(NextPage - 12));
    }

    [Fact]
    public void RealModeHasNoVex()
    {
        using var program = GuestProgram.Real(code => { code.db(0xC5, 0xFC, 0x58, 0xC1); code.hlt(); });
        program[X86Register.Cr4] = 0x40600;
        program.Run().AssertFault(6);
    }

    [Fact]
    public void SystemsThatDoNotEnableItHaveNoAvx()
    {
        using var program = GuestProgram.Long(code => { code.vaddps(ymm0, ymm0, ymm1); code.hlt(); });
        program.Run().AssertFault(6);
        using var enabled = Program(code => { code.vaddps(ymm0, ymm0, ymm1); code.hlt(); });
        enabled.Run().AssertCompleted();
        using var model = GuestProgram.Long(code => { code.vaddps(ymm0, ymm0, ymm1); code.hlt(); }, CpuModel.X86_64_V2);
        model.Run().AssertFault(6);
    }

    /// <summary>A 64-bit program after XCR0 = 7, in which the page after that of the data is not present.</summary>
    private static GuestProgram Program(Action<Assembler> body)
    {
        var program = GuestProgram.Long(code =>
        {
            code.xor(ecx, ecx);
            code.xor(edx, edx);
            code.mov(eax, 7);
            code.xsetbv();
            body(code);
        });
        program[X86Register.Cr4] = 0x40620;
        program.Memory.Write(GuestProgram.EntryOf(NextPage), NextPage | 6);
        return program;
    }

    private static void WriteMask(GuestProgram program, int chosen)
    {
        for (var i = 0; i < 8; i++)
        {
            program.Memory.Write(Mask + ((ulong)i * 4), (chosen >> i & 1) != 0 ? 0x80000000u : 0x7FFFFFFFu);
        }
    }

    private static void Check(GuestProgram program, uint? error)
    {
        if (error is { } code)
        {
            program.Run().AssertFault(14, code);
        }
        else
        {
            program.Run().AssertCompleted();
        }
    }
}
