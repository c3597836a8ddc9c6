using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>Every combination of page rights, privilege and protection features against the rules of Intel SDM Vol. 3A §4.6 and §4.7.</summary>
public sealed class PagePermissionTests
{
    private const ulong ReadAt = GuestProgram.CodeBase;
    private const ulong WriteAt = GuestProgram.CodeBase + 0x40;
    private const ulong FetchAt = GuestProgram.CodeBase + 0x80;
    private const ulong Smep = 1 << 20;
    private const ulong Smap = 1 << 21;
    private const ulong Pke = 1 << 22;

    private enum Access
    {
        Read,
        Write,
        Fetch,
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void EveryCombinationFaultsExactlyAsSpecified(int cpl)
    {
        using var program = GuestProgram.Long(code => code.hlt());
        program.Load(code => { code.mov(al, __[(long)GuestProgram.Data]); code.@int(0x80); }, ReadAt, ReadAt);
        program.Load(code => { code.mov(__byte_ptr[(long)GuestProgram.Data], 1); code.@int(0x80); }, WriteAt, WriteAt);
        program.Load(code => code.jmp(rbx), FetchAt, FetchAt);
        program.Memory.Write(GuestProgram.Data, (ushort)0x80CD);
        for (var page = 0UL; page < GuestProgram.MemoryBytes; page += 0x1000)
        {
            program.Memory.Write(GuestProgram.EntryOf(page), page | 3);
        }

        program.Memory.Write(GuestProgram.EntryOf(GuestProgram.CodeBase), GuestProgram.CodeBase | (cpl == 3 ? 7u : 3u));
        for (var bits = 0; bits < 1 << 9; bits++)
        {
            for (var pkru = 0u; pkru < 4; pkru++)
            {
                for (var access = Access.Read; access <= Access.Fetch; access++)
                {
                    Check(program, cpl, bits, pkru, access);
                }
            }
        }
    }

    /// <summary>The right of a key is taken away while its page is in the TLB, first by WRPKRU of another key, then by its own.</summary>
    [Theory]
    [InlineData(3, false)]
    [InlineData(5, true)]
    public void ATranslationLosesTheRightsOfItsKeyAtOnce(int key, bool faults)
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(al, __[(long)GuestProgram.Data]);
            code.mov(eax, 1 << (2 * key));
            code.xor(ecx, ecx);
            code.xor(edx, edx);
            code.wrpkru();
            code.mov(al, __[(long)GuestProgram.Data]);
            code.@int(0x80);
        });
        program.Memory.Write(GuestProgram.EntryOf(GuestProgram.Data), GuestProgram.Data | 7 | (5UL << 59));
        program[X86Register.Cr4] |= Pke;

        var outcome = program.Run();

        Assert.Equal(faults ? (14, 0x21u) : (0x80, 0u), (outcome.Vector, faults ? outcome.ErrorCode : 0));
    }

    /// <summary>What a guest does at every switch of tasks must not cost it its translations: an entry changed behind the TLB's back still serves.</summary>
    [Fact]
    public void RightsOfKeysThatNoPageHasCostNoTranslation()
    {
        using var program = GuestProgram.Long(code =>
        {
            code.mov(al, __[(long)GuestProgram.Data]);
            code.mov(__dword_ptr[(long)GuestProgram.EntryOf(GuestProgram.Data)], 0);
            code.mov(eax, 0x55555554);
            code.xor(ecx, ecx);
            code.xor(edx, edx);
            code.wrpkru();
            code.mov(al, __[(long)GuestProgram.Data]);
            code.@int(0x80);
        });
        program[X86Register.Cr4] |= Pke;

        Assert.Equal(0x80, program.Run().Vector);
    }

    private static void Check(GuestProgram program, int cpl, int bits, uint pkru, Access access)
    {
        bool Bit(int number) => (bits >> number & 1) != 0;
        var (present, user, writable, noExecute) = (!Bit(8) || !Bit(7), Bit(0), Bit(1), Bit(2));
        var (wp, smep, smap, ac, pke) = (Bit(3), Bit(4), Bit(5), Bit(6), Bit(7));
        var entry = GuestProgram.Data | (present ? 1UL : 0) | (writable ? 2UL : 0) | (user ? 4UL : 0) | (noExecute ? 1UL << 63 : 0) | (5UL << 59);
        program.Memory.Write(GuestProgram.EntryOf(GuestProgram.Data), entry);
        program.Memory.Write(GuestProgram.Data, (ushort)0x80CD);
        program[X86Register.Cr0] = 0x80000033 | (wp ? 1u << 16 : 0);
        program[X86Register.Cr4] = 0x620 | (smep ? Smep : 0) | (smap ? Smap : 0) | (pke ? Pke : 0);
        SetPkru(program, pkru << 10);
        program.Cpu.SetSegment(X86Segment.Cs, cpl == 3 ? GuestProgram.UserCode64 : GuestProgram.Code64, 0, uint.MaxValue, cpl == 3 ? 0xA0FBu : 0xA09Bu);
        program.Cpu.SetSegment(X86Segment.Ss, cpl == 3 ? GuestProgram.UserData : GuestProgram.DataSegment, 0, uint.MaxValue, cpl == 3 ? 0xC0F3u : 0xC093u);
        program[X86Register.Rflags] = 2 | (ac ? 1u << 18 : 0);
        program[X86Register.Rip] = access switch { Access.Read => ReadAt, Access.Write => WriteAt, _ => FetchAt };
        program[X86Register.Rsp] = GuestProgram.StackTop;
        program[X86Register.Rbx] = GuestProgram.Data;
        program[X86Register.Cr2] = 0;

        var outcome = program.Run();

        var userAccess = cpl == 3;
        var denied = (userAccess && !user)
            || (access == Access.Write && !writable && (userAccess || wp))
            || (access == Access.Fetch && (noExecute || (smep && !userAccess && user)))
            || (access != Access.Fetch && smap && !userAccess && user && !ac);
        var keyDenied = pke && user && access != Access.Fetch
            && ((pkru & 1) != 0 || ((pkru & 2) != 0 && access == Access.Write && (userAccess || wp)));
        var what = $"CPL {cpl}, bits {bits:X}, PKRU {pkru}, {access}: {outcome}";
        if (present && !denied && !keyDenied)
        {
            Assert.True(outcome.Vector == 0x80, what);
            var bitsSet = access == Access.Write ? 0x60UL : 0x20UL;
            Assert.True((program.Memory.Read<ulong>(GuestProgram.EntryOf(GuestProgram.Data)) & 0x60) == bitsSet, what);
            return;
        }

        var error = (present ? 1u : 0) | (access == Access.Write ? 2u : 0) | (userAccess ? 4u : 0) | (access == Access.Fetch ? 16u : 0)
            | (present && keyDenied ? 32u : 0);
        Assert.True((outcome.Vector, outcome.ErrorCode) == (14, error), $"{what}, expected {error:X}");
        Assert.Equal(GuestProgram.Data, program[X86Register.Cr2]);
        Assert.True((program.Memory.Read<ulong>(GuestProgram.EntryOf(GuestProgram.Data)) & 0x60) == 0, what);
    }

    /// <summary>PKRU has no register of the public interface: WRPKRU sets it.</summary>
    private static void SetPkru(GuestProgram program, uint value)
    {
        var cr4 = program[X86Register.Cr4];
        const ulong At = GuestProgram.CodeBase + 0xC0;
        program.Memory.Write(At, 0xF4EF010FU);
        program.Cpu.SetSegment(X86Segment.Cs, GuestProgram.Code64, 0, uint.MaxValue, 0xA09B);
        program[X86Register.Cr4] = 0x620 | Pke;
        program[X86Register.Rax] = value;
        program[X86Register.Rcx] = program[X86Register.Rdx] = 0;
        program[X86Register.Rip] = At;
        program.Run().AssertCompleted();
        program[X86Register.Cr4] = cr4;
    }
}
