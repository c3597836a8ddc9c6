using System.Runtime.CompilerServices;
using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>x87 instructions with memory operands, compared with the host's: conversions both ways, arithmetic, comparison, environment.</summary>
public sealed unsafe class X87MemoryTests
{
    private const int Repetitions = 4000;

    /// <summary>What an instruction does to the state and the memory, by our parts.</summary>
    private delegate void Model(CpuState* state, Span<byte> memory);

    private static readonly Dictionary<Code, Model> s_models = new()
    {
        [Code.Fld_m32fp] = Load<float>,
        [Code.Fld_m64fp] = Load<double>,
        [Code.Fild_m16int] = Load<short>,
        [Code.Fild_m32int] = Load<int>,
        [Code.Fild_m64int] = Load<long>,
        [Code.Fbld_m80bcd] = (state, memory) => X87Memory.Push(state, PackedDecimal.Unpack(Unsafe.ReadUnaligned<Float80>(ref memory[0]))),
        [Code.Fst_m32fp] = (state, memory) => Store<float>(state, memory, pop: false),
        [Code.Fstp_m32fp] = (state, memory) => Store<float>(state, memory, pop: true),
        [Code.Fst_m64fp] = (state, memory) => Store<double>(state, memory, pop: false),
        [Code.Fstp_m64fp] = (state, memory) => Store<double>(state, memory, pop: true),
        [Code.Fist_m16int] = (state, memory) => StoreInteger<short>(state, memory, truncate: false, pop: false),
        [Code.Fist_m32int] = (state, memory) => StoreInteger<int>(state, memory, truncate: false, pop: false),
        [Code.Fistp_m16int] = (state, memory) => StoreInteger<short>(state, memory, truncate: false, pop: true),
        [Code.Fistp_m32int] = (state, memory) => StoreInteger<int>(state, memory, truncate: false, pop: true),
        [Code.Fistp_m64int] = (state, memory) => StoreInteger<long>(state, memory, truncate: false, pop: true),
        [Code.Fisttp_m16int] = (state, memory) => StoreInteger<short>(state, memory, truncate: true, pop: true),
        [Code.Fisttp_m32int] = (state, memory) => StoreInteger<int>(state, memory, truncate: true, pop: true),
        [Code.Fisttp_m64int] = (state, memory) => StoreInteger<long>(state, memory, truncate: true, pop: true),
        [Code.Fbstp_m80bcd] = StoreDecimal,
        [Code.Fadd_m32fp] = Arithmetic<X87Arithmetic.Add, float>,
        [Code.Fsub_m64fp] = Arithmetic<X87Arithmetic.Subtract, double>,
        [Code.Fsubr_m32fp] = Arithmetic<X87Arithmetic.SubtractReversed, float>,
        [Code.Fmul_m64fp] = Arithmetic<X87Arithmetic.Multiply, double>,
        [Code.Fdiv_m32fp] = Arithmetic<X87Arithmetic.Divide, float>,
        [Code.Fdivr_m64fp] = Arithmetic<X87Arithmetic.DivideReversed, double>,
        [Code.Fiadd_m16int] = Arithmetic<X87Arithmetic.Add, short>,
        [Code.Fidivr_m32int] = Arithmetic<X87Arithmetic.DivideReversed, int>,
        [Code.Fcom_m32fp] = (state, memory) => Compare<float>(state, memory, 0),
        [Code.Fcomp_m64fp] = (state, memory) => Compare<double>(state, memory, 1),
        [Code.Ficomp_m16int] = (state, memory) => Compare<short>(state, memory, 1),
        [Code.Ficom_m32int] = (state, memory) => Compare<int>(state, memory, 0),
    };

    public static TheoryData<string> Names() => NativeRunner.IsSupported ? [.. s_models.Keys.Select(code => code.ToString())] : [];

    [Theory]
    [MemberData(nameof(Names))]
    public void MatchesTheHost(string name)
    {
        var code = Enum.Parse<Code>(name);
        using var native = new NativeRunner();
        using var machine = new EmulatedMachine();
        using var input = new NativeState();
        using var expected = new NativeState();
        using var actual = new NativeState();
        var operands = new Operands((int)code);
        var instruction = new Instruction { Code = code, Op0Kind = OpKind.Memory, MemoryBase = Register.RDI };
        var bytes = InstructionForms.Encode(instruction);
        for (var repetition = 0; repetition < Repetitions; repetition++)
        {
            X87States.Randomise(input, operands);
            FillMemory(input.Memory, operands, code);
            native.Execute(bytes, input, expected);
            machine.Load(input);
            input.Memory.CopyTo(actual.Memory);
            s_models[code](machine.State, actual.Memory);
            machine.Store(actual);
            var difference = X87States.Difference(expected, actual)
                ?? (expected.Memory.SequenceEqual(actual.Memory) ? null : $"memory is {Hex(actual)}, host {Hex(expected)}");
            Assert.True(difference is null, $"{code} FCW {input.ControlWord:X} FSW {input.StatusWord:X} tags {input.Tags:X} memory {Hex(input)}: {difference}\n{X87States.Describe(input)}");
        }
    }

    [Fact]
    public void EnvironmentsMatchTheHost()
    {
        if (!NativeRunner.IsSupported)
        {
            return;
        }

        using var native = new NativeRunner();
        using var machine = new EmulatedMachine();
        using var input = new NativeState();
        using var expected = new NativeState();
        var operands = new Operands(14);
        Span<byte> image = stackalloc byte[X87Environment.LongBytes];
        foreach (var code in (Code[])[Code.Fnstenv_m14byte, Code.Fnstenv_m28byte])
        {
            var length = code == Code.Fnstenv_m14byte ? X87Environment.ShortBytes : X87Environment.LongBytes;
            var bytes = InstructionForms.Encode(new Instruction { Code = code, Op0Kind = OpKind.Memory, MemoryBase = Register.RDI });
            for (var repetition = 0; repetition < Repetitions; repetition++)
            {
                X87States.Randomise(input, operands);
                native.Execute(bytes, input, expected);
                machine.Load(input);
                X87Environment.Store(machine.State, image[..length]);

                // The pointers that follow depend on what the host ran before.
                var words = length / 7 * 3;
                Assert.Equal(Convert.ToHexString(expected.Memory[..words]), Convert.ToHexString(image[..words]));
            }
        }
    }

    private static void FillMemory(Span<byte> memory, Operands operands, Code code)
    {
        memory.Clear();
        switch (operands.Next(4))
        {
            case 0:
                Unsafe.WriteUnaligned(ref memory[0], operands.Bits());
                break;
            case 1:
                Unsafe.WriteUnaligned(ref memory[0], (long)operands.Next(200) - 100);
                break;
            default:
                Unsafe.WriteUnaligned(ref memory[0], code.ToOpCode().MemorySize == MemorySize.Float32 ? operands.Single() : operands.Double());
                break;
        }

        if (code == Code.Fbld_m80bcd)
        {
            for (var i = 0; i < 9; i++)
            {
                memory[i] = (byte)((operands.Next(10) << 4) | operands.Next(10));
            }

            memory[9] = (byte)(operands.Next(2) << 7);
        }
    }

    private static void Load<T>(CpuState* state, Span<byte> memory)
        where T : unmanaged => X87Memory.Push(state, X87Memory.Unpack(Unsafe.ReadUnaligned<T>(ref memory[0])));

    private static void Store<T>(CpuState* state, Span<byte> memory, bool pop)
        where T : unmanaged
    {
        var value = X87Memory.Round<T>(state, out var status);
        Finish(state, memory, value, status, pop);
    }

    private static void StoreInteger<T>(CpuState* state, Span<byte> memory, bool truncate, bool pop)
        where T : unmanaged
    {
        var value = X87Memory.RoundToInteger<T>(state, truncate, out var status);
        Finish(state, memory, value, status, pop);
    }

    private static void StoreDecimal(CpuState* state, Span<byte> memory)
    {
        var value = X87LoadStoreHandlers.RoundToDecimal(state, out var status);
        Finish(state, memory, value, status, pop: true);
    }

    private static void Finish<T>(CpuState* state, Span<byte> memory, T value, in FloatStatus status, bool pop)
        where T : unmanaged
    {
        if (X87Memory.MayStore(status))
        {
            Unsafe.WriteUnaligned(ref memory[0], value);
        }

        X87LoadStoreHandlers.FinishStore(state, status, pop);
    }

    private static void Arithmetic<TOperation, T>(CpuState* state, Span<byte> memory)
        where TOperation : struct, IX87Arithmetic
        where T : unmanaged =>
        X87ArithmeticHandlers.Execute<TOperation>(state, 0, X87Memory.Unpack(Unsafe.ReadUnaligned<T>(ref memory[0])), X87Unit.IsEmpty(state, 0));

    private static void Compare<T>(CpuState* state, Span<byte> memory, int pops)
        where T : unmanaged =>
        X87CompareHandlers.Compare(state, X87Memory.Unpack(Unsafe.ReadUnaligned<T>(ref memory[0])), X87Unit.IsEmpty(state, 0), signaling: true, pops);

    private static string Hex(NativeState state) => Convert.ToHexString(state.Memory[..10]);
}
