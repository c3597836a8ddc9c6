using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>
/// Data breakpoints of every length and kind against accesses of every size at every distance: hit where the ranges overlap (Intel SDM Vol. 3B
/// §18.2.5, with the breakpoint's address aligned to its length).
/// </summary>
public sealed unsafe class BreakpointMatrixTests
{
    private const ulong At = GuestProgram.Data + 0x100;
    private const ulong ReadCode = GuestProgram.CodeBase + 0x100;
    private const ulong WriteCode = GuestProgram.CodeBase + 0x200;

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 2)]
    [InlineData(3, 4)]
    [InlineData(2, 8)]
    public void AnAccessIsSeenWhereItOverlaps(int lengthCode, int length)
    {
        using var program = GuestProgram.Long(code => code.hlt());
        Load(program, 1, code => code.mov(al, __[rbx]), code => code.mov(__[rbx], al));
        Load(program, 2, code => code.mov(ax, __[rbx]), code => code.mov(__[rbx], ax));
        Load(program, 4, code => code.mov(eax, __[rbx]), code => code.mov(__[rbx], eax));
        Load(program, 8, code => code.mov(rax, __[rbx]), code => code.mov(__[rbx], rax));
        foreach (var kind in (int[])[1, 3])
        {
            for (var register = 0; register < 4; register++)
            {
                for (var enable = 0; enable < 3; enable++)
                {
                    for (var misalignment = 0; misalignment < length; misalignment += 3)
                    {
                        Check(program, lengthCode, length, kind, register, enable, misalignment);
                    }
                }
            }
        }
    }

    private static void Check(GuestProgram program, int lengthCode, int length, int kind, int register, int enable, int misalignment)
    {
        var state = program.Cpu.Core.State;
        for (var distance = -9; distance <= 9; distance++)
        {
            foreach (var (size, isWrite) in from size in (int[])[1, 2, 4, 8] from isWrite in (bool[])[false, true] select (size, isWrite))
            {
                state->Dr[register] = At + (ulong)misalignment;
                state->Dr[6] = 0xFFFF_0FF0;
                state->Dr[7] = 0x400 | ((ulong)enable << (register * 2)) | ((ulong)(kind | (lengthCode << 2)) << (16 + (register * 4)));
                program.Cpu.Core.FlushTlb();
                program[X86Register.Rbx] = At + (ulong)distance;
                program[X86Register.Rsp] = GuestProgram.StackTop;
                var start = (isWrite ? WriteCode : ReadCode) + ((ulong)size * 8);
                program[X86Register.Rip] = start;
                var outcome = program.Run();

                // The low bits of the address are not looked at.
                var overlaps = distance < length && distance + size > 0;
                var isHit = enable != 0 && overlaps && (isWrite || kind == 3);
                var what = $"length {length}, kind {kind}, DR{register}, enabled {enable}, {(isWrite ? "write" : "read")} of {size} at {distance}: {outcome}";
                Assert.True(outcome.Vector == (isHit ? 1 : null), what);
                Assert.True(!isHit || (state->Dr[6] & 0x400F) == 1UL << register, what);
                Assert.True(!isHit || outcome.Rip > start, what);
                state->Dr[7] = 0x400;
            }
        }
    }

    private static void Load(GuestProgram program, int size, Action<Assembler> read, Action<Assembler> write)
    {
        program.Load(code => { read(code); code.hlt(); }, ReadCode + ((ulong)size * 8), ReadCode + ((ulong)size * 8));
        program.Load(code => { write(code); code.hlt(); }, WriteCode + ((ulong)size * 8), WriteCode + ((ulong)size * 8));
    }
}
