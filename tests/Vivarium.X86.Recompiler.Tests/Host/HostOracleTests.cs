using System.Buffers.Binary;
using Iced.Intel;

namespace Vivarium.X86.Tests;

/// <summary>
/// Vector and x87 instructions as guest programs on each engine, compared with the host's own execution of the same bytes. Only what cannot fault:
/// register forms with SSE exceptions masked. The integer forms are in <see cref="IntegerDifferentialTests"/>.
/// </summary>
public sealed class HostOracleTests
{
    private const int Repetitions = 30;

    /// <summary>Results that differ between processors: the interpreter has its own.</summary>
    private static readonly Mnemonic[] s_approximations =
    [
        Mnemonic.Rcpps, Mnemonic.Rcpss, Mnemonic.Rsqrtps, Mnemonic.Rsqrtss, Mnemonic.F2xm1, Mnemonic.Fyl2x, Mnemonic.Fyl2xp1, Mnemonic.Fpatan, Mnemonic.Fptan, Mnemonic.Fsin,
        Mnemonic.Fcos, Mnemonic.Fsincos, Mnemonic.Fprem, Mnemonic.Fprem1,
    ];

    [Fact]
    public void TheInterpreterMatchesTheHost() => AssertMatches(static () => null, s_approximations);

    [Fact]
    public void TheEngineMatchesTheHost() => AssertMatches(TestEngine.Create, []);

    private static void AssertMatches(Func<ExecutionEngineProvider?> engine, Mnemonic[] excluded)
    {
        Assert.SkipUnless(NativeRunner.IsSupported, "Needs a Linux x64 host.");
        using var native = new NativeRunner();
        using var machine = new LabMachine(engine);
        using var input = new NativeState();
        using var expected = new NativeState();
        var failures = new List<string>();
        var codes = InstructionForms.VectorCodes.Concat(InstructionForms.X87Codes)
            .Where(code => !excluded.Contains(code.Mnemonic()) && code.Mnemonic() != Mnemonic.Fstpnce && InstructionForms.Registers(code, 0) is not null && code.CpuidFeatures().All(HostFeatures.Has)).ToList();
        Assert.True(codes.Count > 300);
        foreach (var code in codes)
        {
            var operands = new Operands((int)code);
            for (var n = 0; n < Repetitions && failures.Count < 10; n++)
            {
                var instruction = InstructionForms.Registers(code, (byte)operands.Next(256), operands.Next(8))!.Value;
                Randomise(input, operands);
                var bytes = InstructionForms.Encode(instruction);
                native.Execute(bytes, input, expected);
                if (Difference(machine, new LabProgram(LabMode.Kernel64, 0, bytes), input, expected, code) is { } difference)
                {
                    failures.Add($"{instruction} ({Convert.ToHexString(bytes)}): {difference}; {StateOf(input)}");
                    break;
                }
            }
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures));
    }

    private static void Randomise(NativeState state, Operands operands)
    {
        for (var i = 0; i < 16; i++)
        {
            operands.Vector(state.Xmm(i));
        }

        for (var i = 0; i < 8; i++)
        {
            state.Stack(i) = operands.Extended();
        }

        for (var i = 0; i < 3; i++)
        {
            state.General[i] = operands.Next(2) == 0 ? operands.Bits() : (ulong)(long)(operands.Next(40) - 20);
        }

        state.General[3] = 2 | ((ulong)operands.Next(256) & Rflags.Arithmetic) | (operands.Next(2) == 0 ? Rflags.Of : 0);
        state.ControlWord = (ushort)(0x7F | (operands.Next(3) == 0 ? 0x200 : 0x300) | (operands.Next(4) << 10));
        state.StatusWord = (ushort)((operands.Next(8) << X87Unit.TopShift) | (operands.Next(2) == 0 ? 0 : operands.Next(64)) | (operands.Next(8) << 8));
        state.Tags = operands.Next(3) switch { 0 => (byte)operands.Next(256), 1 => 0, _ => 0xFF };
        state.Mxcsr = FxImage.MxcsrDefault | ((uint)operands.Next(4) << 13) | (uint)operands.Next(64) | (operands.Next(3) == 0 ? 1u << 6 : 0) | (operands.Next(3) == 0 ? 1u << 15 : 0);
    }

    private static LabState StateOf(NativeState input)
    {
        var state = new LabState { Flags = input.General[3] };
        input.General[..3].CopyTo(state.Gpr);
        state.Gpr[4] = LabLayout.StackMiddle;
        input.ImageSpan[..FxImage.UsedBytes(longMode: true)].CopyTo(state.Fx);
        return state;
    }

    private static unsafe string? Difference(LabMachine machine, LabProgram program, NativeState input, NativeState expected, Code code)
    {
        machine.Run(program, StateOf(input));
        if (machine.Exit.Reason != VcpuExitReason.Halted || !program.Contains(machine.State->Rip))
        {
            return $"ended with {machine.Exit} at {machine.State->Rip:X}";
        }

        for (var i = 0; i < 3; i++)
        {
            if (machine.State->Gpr[i] != expected.General[i])
            {
                return $"{(X86Register)i} is {machine.State->Gpr[i]:X}, host {expected.General[i]:X}";
            }
        }

        var flags = (LazyFlags.Get(machine.State) ^ expected.General[3]) & Rflags.Arithmetic & ~program.UndefinedAt(machine.State->Rip);
        return flags != 0 ? $"flags {flags:X} differ" : ImageDifference(machine, expected.ImageSpan, code);
    }

    private static unsafe string? ImageDifference(LabMachine machine, Span<byte> host, Code code)
    {
        Span<byte> image = stackalloc byte[FxImage.SizeBytes];
        image.Clear();
        FxImage.StoreX87(machine.State, image, wide: true);
        FxImage.StoreXmm(machine.State, image, longMode: true);
        FxImage.StoreMxcsr(machine.State, image);
        if (code.Mnemonic() is Mnemonic.Fcomi or Mnemonic.Fcomip or Mnemonic.Fucomi or Mnemonic.Fucomip)
        {
            // The manual clears C1, AMD's processors and some of Intel's keep it.
            image[3] &= 0xFD;
            host[3] &= 0xFD;
        }

        for (var at = FxImage.XmmOffset; at < FxImage.XmmOffset + 256; at += 16)
        {
            DotProducts.Settle(code.Mnemonic(), host.Slice(at, 16), image.Slice(at, 16));
        }

        // Opcode and pointers are of no interest here; processors disagree on them.
        foreach (var (start, length) in (ReadOnlySpan<(int, int)>)[(0, 5), (FxImage.MxcsrOffset, 4), (FxImage.X87RegistersOffset, 384)])
        {
            var at = start + image.Slice(start, length).CommonPrefixLength(host.Slice(start, length));
            if (at < start + length)
            {
                at = start == 0 ? 0 : at & ~7;
                return $"the FXSAVE image differs at {at}: {BinaryPrimitives.ReadUInt64LittleEndian(image[at..]):X}, host {BinaryPrimitives.ReadUInt64LittleEndian(host[at..]):X}";
            }
        }

        return null;
    }
}
