using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>Paging structures of all modes, reserved bits, large pages, crossing accesses and invalidation (Intel SDM Vol. 3A chapter 4).</summary>
public sealed class PagingTests
{
    private const ulong Tables = GuestProgram.TablesBase;
    private const ulong High = 0x40000000;

    [Fact]
    public void NonCanonicalDataIsGpAndStackIsSs()
    {
        using var data = GuestProgram.Long(code => { code.mov(rbx, 0x800000000000); code.mov(rax, __[rbx]); });
        data.Run().AssertFault(13, 0);
        using var stack = GuestProgram.Long(code => { code.mov(rbp, 0x800000000000); code.mov(rax, __[rbp]); });
        stack.Run().AssertFault(12, 0);
    }

    [Theory]
    [InlineData(1UL << 45)]
    [InlineData(1UL << 51)]
    public void ReservedBitsOfALeafAreReported(ulong bit)
    {
        using var program = GuestProgram.Long(code => code.mov(al, __[(long)GuestProgram.Data]));
        program.Memory.Write(GuestProgram.EntryOf(GuestProgram.Data), GuestProgram.Data | 7 | bit);
        program.Run().AssertFault(14, 9);
    }

    [Fact]
    public void NoExecuteIsReservedWhileNxeIsOff()
    {
        using var program = GuestProgram.Long(code => code.mov(al, __[(long)GuestProgram.Data]));
        program[X86Register.Efer] = 0x501;
        program.Memory.Write(GuestProgram.EntryOf(GuestProgram.Data), GuestProgram.Data | 7 | (1UL << 63));
        program.Run().AssertFault(14, 9);
    }

    [Theory]
    [InlineData(0x2000UL, 0x187UL, 0x3210UL, null)]
    [InlineData(0x2000UL, 0x2187UL, 0x3210UL, 9)]
    [InlineData(0x1000UL, 0x187UL, 0x3210UL, null)]
    [InlineData(0x1000UL, 0x200187UL, 0x3210UL, 9)]
    [InlineData(0UL, 0x87UL, 0x3210UL, 9)]
    public void LargePages(ulong level, ulong entry, ulong offset, int? error)
    {
        // Linear 1 GiB: entry 1 of the page-directory pointers, entry 0 of a directory of its own.
        using var program = GuestProgram.Long(code => { code.mov(rbx, High + offset); code.mov(eax, __[rbx]); code.hlt(); });
        program.Memory.Write(offset, 0x12345678u);
        if (level == 0x2000)
        {
            program.Memory.Write(Tables + 0x1008, Tables + 0x8007);
            program.Memory.Write(Tables + 0x8000, entry);
        }
        else if (level == 0x1000)
        {
            program.Memory.Write(Tables + 0x1008, entry);
        }
        else
        {
            program.Memory.Write(Tables + 0x1008, Tables + 0x8007);
            program.Memory.Write(Tables, Tables + 0x1000 + entry);
            program[X86Register.Cr3] = Tables;
        }

        if (level == 0)
        {
            // The code itself cannot be fetched any more, nor a handler: the processor shuts down.
            Assert.Equal(VcpuExitReason.Shutdown, program.Run().Exit);
            return;
        }

        var outcome = program.Run();
        if (error is { } code)
        {
            outcome.AssertFault(14, (uint)code);
        }
        else
        {
            outcome.AssertCompleted();
            Assert.Equal(0x12345678u, program[X86Register.Rax]);
        }
    }

    [Fact]
    public void AGigabytePageIsReservedOnModelsWithoutIt()
    {
        using var program = GuestProgram.Long(code => { code.mov(rbx, High); code.mov(eax, __[rbx]); }, CpuModel.X86_64_V2);
        program.Memory.Write(Tables + 0x1008, 0x87UL);
        program.Run().AssertFault(14, 9);
    }

    [Fact]
    public void InvlpgDropsAllOfALargePage()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rbx, High);
            code.mov(eax, __[rbx + 0x5000]);
            code.mov(__qword_ptr[(long)(Tables + 0x8000)], 0x200000 | 0x87);
            code.invlpg(__[rbx + 0x100000]);
            code.mov(ecx, __[rbx + 0x5000]);
            code.hlt();
        });
        program.Memory.Write(Tables + 0x1008, Tables + 0x8007);
        program.Memory.Write(Tables + 0x8000, 0x87UL);
        program.Memory.Write(0x205000, 0xCAFEu);
        program.Run().AssertCompleted();
        Assert.Equal(0xCAFEu, program[X86Register.Rcx]);
    }

    [Fact]
    public void InvlpgDropsFetchTranslations()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rbx, GuestProgram.Data);
            code.call(rbx);
            code.mov(rcx, GuestProgram.EntryOf(GuestProgram.Data));
            code.mov(__qword_ptr[rcx], (int)(GuestProgram.Data + 0x1007));
            code.invlpg(__[rbx]);
            code.call(rbx);
            code.hlt();
        });
        program.Load(code => { code.mov(eax, 1); code.ret(); }, GuestProgram.Data, GuestProgram.Data);
        program.Load(code => { code.mov(esi, 2); code.ret(); }, GuestProgram.Data, GuestProgram.Data + 0x1000);
        program.Run().AssertCompleted();
        Assert.Equal((1UL, 2UL), (program[X86Register.Rax], program[X86Register.Rsi]));
    }

    [Fact]
    public void CodeAcrossTwoPagesFollowsTheSecondPagesMapping()
    {
        // mov eax, imm32 starts two bytes before the page end; its immediate is remapped between two calls.
        const ulong At = GuestProgram.Data + 0xFFE;
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rbx, At);
            code.call(rbx);
            code.mov(esi, eax);
            code.mov(rcx, GuestProgram.EntryOf(GuestProgram.Data + 0x1000));
            code.mov(__qword_ptr[rcx], (int)(GuestProgram.Data + 0x2007));
            code.invlpg(__[rbx + 2]);
            code.call(rbx);
            code.hlt();
        });
        program.Memory.Write(At, (ushort)0x11B8);
        program.Memory.TryWrite(GuestProgram.Data + 0x1000, [0x22, 0x33, 0x44, 0xC3]);
        program.Memory.TryWrite(GuestProgram.Data + 0x2000, [0x66, 0x77, 0x88, 0xC3]);
        program.Run().AssertCompleted();
        Assert.Equal((0x44332211UL, 0x88776611UL), (program[X86Register.Rsi], program[X86Register.Rax]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AWriteWhoseSecondPageFaultsWritesNothing(bool readModifyWrite)
    {
        const ulong At = GuestProgram.Data + 0xFFC;
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rax, ulong.MaxValue);
            code.mov(rbx, At);
            if (readModifyWrite)
            {
                code.@lock.add(__qword_ptr[rbx], rax);
            }
            else
            {
                code.mov(__[rbx], rax);
            }
        });
        program.Memory.Write(GuestProgram.EntryOf(GuestProgram.Data + 0x1000), (GuestProgram.Data + 0x1000) | 5);
        program.Run().AssertFault(14, 3);
        Assert.Equal(GuestProgram.Data + 0x1000, program[X86Register.Cr2]);
        Assert.Equal(0u, program.Memory.Read<uint>(At));
    }

    [Theory]
    [InlineData(0x83UL, 0x00200083UL, false)]
    [InlineData(0x83UL, 0x0UL, true)]
    public void LegacyPagingWithFourMegabytePages(ulong identity, ulong second, bool present)
    {
        using var program = GuestProgram.Protected(code =>
        {
            code.mov(eax, (uint)Tables);
            code.mov(cr3, eax);
            code.mov(eax, cr4);
            code.or(eax, 0x10);
            code.mov(cr4, eax);
            code.mov(eax, cr0);
            code.or(eax, unchecked((int)0x80000000));
            code.mov(cr0, eax);
            code.mov(ecx, __[0x400000]);
            code.hlt();
        });
        program.Memory.Write(Tables, (uint)identity);
        program.Memory.Write(Tables + 4, (uint)(present ? 0x83 : second));
        program.Memory.Write(0UL, 0xABCDu);
        var outcome = program.Run();
        if (present)
        {
            outcome.AssertCompleted();
            Assert.Equal(0xABCDu, program[X86Register.Rcx]);
        }
        else
        {
            // Bit 21 of a 4 MiB entry is reserved.
            outcome.AssertFault(14, 9);
        }
    }

    [Theory]
    [InlineData(0x001u, null)]
    [InlineData(0x003u, 13)]
    [InlineData(0x101u, 13)]
    public void PaePointersAreCheckedWhenLoaded(uint flags, int? vector)
    {
        using var program = GuestProgram.Protected(code =>
        {
            code.mov(eax, 0x20);
            code.mov(cr4, eax);
            code.mov(eax, (uint)Tables + 0x20);
            code.mov(cr3, eax);
            code.mov(eax, cr0);
            code.or(eax, unchecked((int)0x80000000));
            code.mov(cr0, eax);

            // The entry is cached in the processor: clearing it in memory changes nothing until CR3 is loaded.
            code.mov(__dword_ptr[(uint)Tables + 0x20], 0);
            code.mov(ecx, __[0x200000]);
            code.hlt();
        });
        program.Memory.Write(Tables + 0x20, (Tables + 0x1000) | flags);
        program.Memory.Write(Tables + 0x1000, 0x83UL);
        program.Memory.Write(Tables + 0x1008, 0x200083UL);
        program.Memory.Write(0x200000, 0x5555u);
        var outcome = program.Run();
        if (vector is { } expected)
        {
            outcome.AssertFault(expected, 0);
        }
        else
        {
            outcome.AssertCompleted();
            Assert.Equal(0x5555u, program[X86Register.Rcx]);
        }
    }

    [Fact]
    public void GlobalPagesSurviveACr3LoadButNotClearingPge()
    {
        using var program = GuestProgram.Long(code =>
        {
            void Remap(ulong target)
            {
                code.mov(rcx, GuestProgram.EntryOf(GuestProgram.Data));
                code.mov(__dword_ptr[rcx], (int)target | 0x107);
            }

            code.mov(rbx, GuestProgram.Data);
            code.mov(rax, cr4);
            code.or(rax, 0x80);
            code.mov(cr4, rax);
            code.mov(r8d, __[rbx]);
            Remap(GuestProgram.Data + 0x1000);
            code.mov(rdx, cr3);
            code.mov(cr3, rdx);
            code.mov(r9d, __[rbx]);
            code.and(rax, ~0x80);
            code.mov(cr4, rax);
            code.mov(r10d, __[rbx]);
            code.hlt();
        });
        program.Memory.Write(GuestProgram.EntryOf(GuestProgram.Data), GuestProgram.Data | 0x107);
        program.Memory.Write(GuestProgram.Data, 1u);
        program.Memory.Write(GuestProgram.Data + 0x1000, 2u);
        program.Run().AssertCompleted();
        Assert.Equal((1UL, 1UL, 2UL), (program[X86Register.R8], program[X86Register.R9], program[X86Register.R10]));
    }

    [Fact]
    public void UpperEntriesAreMarkedAccessed()
    {
        using var program = GuestProgram.Long(code => { code.mov(al, __[(long)GuestProgram.Data]); code.hlt(); });
        program.Run().AssertCompleted();
        foreach (var level in (ReadOnlySpan<ulong>)[0, 0x1000, 0x2000])
        {
            Assert.Equal(0x20UL, program.Memory.Read<ulong>(Tables + level) & 0x60);
        }
    }

    [Theory]
    [InlineData(0, 0xFFFUL, null)]
    [InlineData(0, 0x1000UL, 13)]
    [InlineData(4, 0UL, 13)]
    [InlineData(3, 0UL, null)]
    public void InvpcidChecksItsDescriptor(int type, ulong pcid, int? vector)
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(rax, cr4);
            code.or(rax, 1 << 17);
            code.mov(cr4, rax);
            code.mov(rcx, (ulong)type);
            code.mov(rbx, GuestProgram.Data);
            code.invpcid(rcx, __xmmword_ptr[rbx]);
            code.hlt();
        });
        program.Memory.Write(GuestProgram.Data, pcid);
        var outcome = program.Run();
        if (vector is { } expected)
        {
            outcome.AssertFault(expected, 0);
        }
        else
        {
            outcome.AssertCompleted();
        }
    }
}
