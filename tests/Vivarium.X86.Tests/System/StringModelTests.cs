using System.Buffers.Binary;
using FsCheck.Xunit;

namespace Vivarium.X86.Tests;

/// <summary>Repeated string instructions against a model that takes one element after the other: overlap, direction, pages, what ends them.</summary>
public sealed class StringModelTests
{
    private const ulong Data = GuestProgram.Data;
    private const int DataBytes = 0x4000;

    [Property(MaxTest = 400)]
    public void ARowIsOneElementAfterTheOther(int seed)
    {
        var random = new Random(seed);
        var operation = (Operation)random.Next(5);
        var size = 1 << random.Next(4);
        var isDown = random.Next(3) == 0;
        var repeatsWhileDifferent = operation >= Operation.Compare && random.Next(2) == 0;
        var memory = new byte[DataBytes];
        Fill(random, memory);
        var model = new Model
        {
            Memory = (byte[])memory.Clone(),
            Source = random.Next(0x1400, 0x2C00),
            Count = random.Next(6) == 0 ? 0 : random.Next(1, 0x1400 / size),
            Accumulator = random.Next(2) == 0 ? 0 : (ulong)random.NextInt64(),
        };
        model.Destination = random.Next(3) == 0 ? random.Next(0x1400, 0x2C00) : Math.Clamp(model.Source + random.Next(-40, 41), 0x1400, 0x2BFF);

        using var program = GuestProgram.Long(code =>
        {
            code.db(Encode(operation, size, isDown, repeatsWhileDifferent));
            code.cld();
            code.hlt();
        });
        program.Memory.TryWrite(Data, memory);
        program[X86Register.Rsi] = Data + (ulong)model.Source;
        program[X86Register.Rdi] = Data + (ulong)model.Destination;
        program[X86Register.Rcx] = (ulong)model.Count;
        program[X86Register.Rax] = model.Accumulator;
        program[X86Register.Rflags] = 2;
        program.Run().AssertCompleted();

        model.Run(operation, size, isDown, repeatsWhileDifferent);
        program.Memory.TryRead(Data, memory);
        Assert.Equal(
            ((ulong)model.Count, Data + (ulong)model.Source, Data + (ulong)model.Destination, model.Accumulator),
            (program[X86Register.Rcx], program[X86Register.Rsi], program[X86Register.Rdi], program[X86Register.Rax]));
        Assert.Equal(0, model.Memory.AsSpan().SequenceCompareTo(memory));
        Assert.Equal(model.Flags, program[X86Register.Rflags] & 0x8D5);
    }

    private static void Fill(Random random, byte[] memory)
    {
        random.NextBytes(memory);
        if (random.Next(3) != 0)
        {
            // Long equal rows, with a difference somewhere.
            Array.Clear(memory);
            memory[random.Next(0x1000, DataBytes)] = 1;
        }
    }

    private static byte[] Encode(Operation operation, int size, bool isDown, bool repeatsWhileDifferent)
    {
        var opcode = (byte)(operation switch { Operation.Move => 0xA4, Operation.Store => 0xAA, Operation.Load => 0xAC, Operation.Compare => 0xA6, _ => 0xAE } + (size == 1 ? 0 : 1));
        byte[] prefixes = size switch { 2 => [0x66], _ => [] };
        byte[] wide = size == 8 ? [0x48] : [];
        return [isDown ? (byte)0xFD : (byte)0xFC, .. prefixes, repeatsWhileDifferent ? (byte)0xF2 : (byte)0xF3, .. wide, opcode];
    }

    private enum Operation
    {
        Move,
        Store,
        Load,
        Compare,
        Scan,
    }

    private sealed class Model
    {
        public required byte[] Memory { get; init; }

        public int Source { get; set; }

        public int Destination { get; set; }

        public int Count { get; set; }

        public ulong Accumulator { get; set; }

        public ulong Flags { get; private set; }

        public void Run(Operation operation, int size, bool isDown, bool repeatsWhileDifferent)
        {
            var step = isDown ? -size : size;
            while (Count != 0)
            {
                Count--;
                switch (operation)
                {
                    case Operation.Move: Memory.AsSpan(Source, size).ToArray().CopyTo(Memory, Destination); break;
                    case Operation.Store: Write(Destination, size, Accumulator); break;
                    case Operation.Load: Accumulator = size switch { 4 or 8 => Read(Source, size), _ => (Accumulator & ~Mask(size)) | Read(Source, size) }; break;
                    case Operation.Compare: Subtract(Read(Source, size), Read(Destination, size), size); break;
                    default: Subtract(Accumulator & Mask(size), Read(Destination, size), size); break;
                }

                Source += operation is Operation.Move or Operation.Load or Operation.Compare ? step : 0;
                Destination += operation == Operation.Load ? 0 : step;
                if (operation >= Operation.Compare && ((Flags & Rflags.Zf) != 0) == repeatsWhileDifferent)
                {
                    return;
                }
            }
        }

        private static ulong Mask(int size) => ulong.MaxValue >> (64 - (size * 8));

        private ulong Read(int at, int size)
        {
            Span<byte> value = stackalloc byte[8];
            value.Clear();
            Memory.AsSpan(at, size).CopyTo(value);
            return BinaryPrimitives.ReadUInt64LittleEndian(value);
        }

        private void Write(int at, int size, ulong value)
        {
            for (var i = 0; i < size; i++)
            {
                Memory[at + i] = (byte)(value >> (8 * i));
            }
        }

        private void Subtract(ulong a, ulong b, int size)
        {
            var result = (a - b) & Mask(size);
            var sign = (size * 8) - 1;
            Flags = (a < b ? Rflags.Cf : 0)
                | (result == 0 ? Rflags.Zf : 0)
                | ((result >> sign) != 0 ? Rflags.Sf : 0)
                | ((((a ^ b) & (a ^ result)) >> sign & 1) != 0 ? Rflags.Of : 0)
                | (((a ^ b ^ result) & 0x10) != 0 ? Rflags.Af : 0)
                | ((System.Numerics.BitOperations.PopCount(result & 0xFF) & 1) == 0 ? Rflags.Pf : 0);
        }
    }
}
