using System.Runtime.InteropServices;
using FsCheck.Xunit;

namespace Vivarium.X86.Tests;

/// <summary>Save and restore at any boundary, and the layout of the state.</summary>
public sealed class StateTests
{
    [Fact]
    public unsafe void TheVectorRegistersAreAligned()
    {
        Assert.Equal(0, Marshal.OffsetOf<CpuState>(nameof(CpuState.Vector)) % 64);
        Assert.Equal(0, sizeof(CpuState) % 64);
    }

    /// <summary>What is between fields is not cleared by an assignment: the bytes of a saved state would hold what lay on the host's stack.</summary>
    [Fact]
    public unsafe void ASegmentRegisterHasNoGaps()
    {
        var fields = typeof(SegmentRegister).GetFields(System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.NonPublic);
        Assert.Equal(sizeof(SegmentRegister), fields.Sum(field => Marshal.SizeOf(field.FieldType)));
    }

    /// <summary>Runs a random program in slices; at one of them the state moves to a second processor over a copy of the memory.</summary>
    [Property(MaxTest = 60)]
    public void ARestoredProcessorGoesOnExactlyAsTheSavedOne(int seed)
    {
        var random = new Random(seed);
        var forms = IntegerForms.All().ToArray();
        var code = new List<byte>();
        while (code.Count < 400)
        {
            code.AddRange(forms[random.Next(forms.Length)]);
            code.AddRange(random.Next(6) switch { 0 => [0x9D, 0x9C], 1 => [0x8E, 0xD0], 2 => [0xFB], 3 => [0x9C], _ => [] });
        }

        using var first = Program(code, seed);
        using var second = Program(code, 0);
        for (var slices = random.Next(12); slices > 0; slices--)
        {
            first.Cpu.Run(random.Next(1, 9));
        }

        var memory = new byte[GuestProgram.MemoryBytes];
        first.Memory.TryRead(0, memory);
        second.Memory.TryWrite(0, memory);
        var writer = new StateWriter();
        first.Cpu.Save(writer);
        second.Cpu.Restore(new StateReader(second.Cpu.StateName, 1, writer.WrittenMemory));
        for (var slices = 0; slices < 12; slices++)
        {
            var budget = random.Next(1, 40);
            Assert.Equal(first.Cpu.Run(budget), second.Cpu.Run(budget));
            for (var register = X86Register.Rax; register <= X86Register.Efer; register++)
            {
                Assert.Equal((register, first[register]), (register, second[register]));
            }
        }

        var other = new byte[GuestProgram.MemoryBytes];
        first.Memory.TryRead(0, memory);
        second.Memory.TryRead(0, other);
        Assert.True(memory.AsSpan().SequenceEqual(other));
    }

    private static GuestProgram Program(List<byte> code, int seed)
    {
        var random = new Random(seed);
        var program = GuestProgram.Long(c => c.nop());
        program.Memory.TryWrite(GuestProgram.CodeBase, [.. code, 0xF4]);
        foreach (var register in (ReadOnlySpan<X86Register>)[X86Register.Rcx, X86Register.Rdx])
        {
            program[register] = (ulong)random.NextInt64();
        }

        program[X86Register.Rax] = GuestProgram.DataSegment;
        program[X86Register.Rdi] = GuestProgram.Data;
        program[X86Register.Rflags] = 2 | ((ulong)random.Next() & 0xBD5);
        return program;
    }
}
