using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Vivarium.X86.Tests;

/// <summary>
/// An exception while another one is delivered: each pair of what was raised and of what went wrong then, against table 6-5 of Intel SDM Vol. 3A
/// ("Conditions for Generating a Double Fault").
/// </summary>
public sealed class DoubleFaultTests
{
    private const ulong Missing = 0x200000;
    private const ulong NonCanonical = 0x8000_0000_0000;
    private const int DoubleFault = 8;

    /// <summary>The table's classes, by vector: 0, 10, 11, 12 and 13 are contributory, 14 is a page fault, all others are benign.</summary>
    private enum FaultClass
    {
        Benign,
        Contributory,
        PageFault,
    }

    public static TheoryData<int, string, int> Pairs
    {
        get
        {
            var data = new TheoryData<int, string, int>();
            foreach (var first in (int[])[0, 1, 3, 6, 7, 11, 12, 13, 14, 19])
            {
                data.Add(first, "gate not present", 11);
                data.Add(first, "gate without a segment", 13);
                data.Add(first, "stack not present", 14);
                data.Add(first, "stack not canonical", 12);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void EachPairIsSerialOrDouble(int first, string cause, int second)
    {
        using var program = GuestProgram.Long(code => Raise(code, first));
        program.Memory.Write(GuestProgram.EntryOf(Missing), 0UL);
        foreach (var vector in (int[])[DoubleFault, 11, 12, 13, 14])
        {
            // The handler that comes at the end has a stack that works.
            program.SetGate(vector, GuestProgram.Gate(GuestProgram.Code64, (uint)GuestProgram.HandlerOf(vector), 0x8E, count: 1));
        }

        var stack = cause switch { "stack not present" => Missing + 0x800, "stack not canonical" => NonCanonical + 0x800, _ => GuestProgram.StackTop };
        var access = first is 3 ? 0xEEu : 0x8Eu;
        program.SetGate(first, cause switch
        {
            "gate not present" => GuestProgram.Gate(GuestProgram.Code64, (uint)GuestProgram.HandlerOf(first), access & 0x7F),
            "gate without a segment" => GuestProgram.Gate(0, (uint)GuestProgram.HandlerOf(first), access),
            _ => GuestProgram.Gate(GuestProgram.Code64, (uint)GuestProgram.HandlerOf(first), access),
        });
        program.SetDescriptor(GuestProgram.Free, GuestProgram.Descriptor(0, 0xFFFFF, 0xC013));
        program[X86Register.Rsp] = stack;
        program[X86Register.Rflags] = first == 1 ? 0x102UL : 2;

        var outcome = program.Run();

        if (IsDouble(ClassOf(first), ClassOf(second)))
        {
            outcome.AssertFault(DoubleFault, 0);
            return;
        }

        // EXT is set, for the first event is an exception; INT3 is a software interrupt.
        var external = first == 3 ? 0u : 1;
        outcome.AssertFault(second, second switch
        {
            11 => ((uint)first * 8) | 2 | external,
            14 => 2,
            _ => external,
        });
        Assert.Equal(second == 14 ? Missing : 0, program[X86Register.Cr2] & ~0xFFFUL);
    }

    private static FaultClass ClassOf(int vector) => vector switch
    {
        0 or (>= 10 and <= 13) => FaultClass.Contributory,
        14 => FaultClass.PageFault,
        _ => FaultClass.Benign,
    };

    private static bool IsDouble(FaultClass first, FaultClass second) => (first, second) switch
    {
        (FaultClass.Contributory, FaultClass.Contributory) => true,
        (FaultClass.PageFault, FaultClass.Contributory or FaultClass.PageFault) => true,
        _ => false,
    };

    private static void Raise(Assembler code, int vector)
    {
        switch (vector)
        {
            case 0: code.xor(ecx, ecx); code.div(ecx); break;
            case 1: code.nop(); break;
            case 3: code.int3(); break;
            case 6: code.ud2(); break;
            case 7: code.mov(rax, cr0); code.or(eax, 8); code.mov(cr0, rax); code.fnop(); break;
            case 11: code.mov(eax, GuestProgram.Free); code.mov(ds, eax); break;
            case 12: code.mov(rbp, NonCanonical); code.mov(al, __[rbp]); break;
            case 13: code.mov(rbx, NonCanonical); code.mov(al, __[rbx]); break;
            case 14: code.mov(rbx, Missing + 0x123); code.mov(al, __[rbx]); break;
            default:
                // #XM: a division of 0 by 0 that is not masked.
                code.ldmxcsr(__dword_ptr[GuestProgram.Data]);
                code.xorps(xmm0, xmm0);
                code.divps(xmm0, xmm0);
                break;
        }
    }
}
