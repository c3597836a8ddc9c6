using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Vivarium.X86.Tests;

/// <summary>Runs a program on the interpreter and on the recompiler, as hot code and as code that becomes hot, and says what differs.</summary>
internal sealed class LabComparison(Func<ExecutionEngineProvider?> hot, Func<ExecutionEngineProvider?> cold) : ICaseComparison
{
    private readonly LabMachine _expected = new(static () => null);
    private readonly LabMachine _hot = new(hot);
    private readonly LabMachine _cold = new(cold);
    private readonly CaseTrace _trace = new(likeHost: false);

    public LabComparison()
        : this(TestEngine.Create, TestEngine.CreateCold)
    {
    }

    /// <summary>Cases that could be compared.</summary>
    public long Compared { get; private set; }

    /// <summary>Cases that could not: endless loops, programs that overwrote themselves or read undefined flags.</summary>
    public long Discarded { get; private set; }

    /// <summary>Null if the engines agree.</summary>
    public string? Difference(LabProgram program, LabState state)
    {
        if (!IsComparable(program, state, out var undefined))
        {
            Discarded++;
            return null;
        }

        // From scratch, again with the translations at hand, and in slices that end anywhere.
        Compared++;
        return DifferenceOf(_hot, program, state, undefined, LabMachine.Budget)
            ?? Again(DifferenceOf(_hot, program, state, undefined, LabMachine.Budget), "the second time")
            ?? Again(DifferenceOf(_hot, program, state, undefined, Slice(program)), $"in slices of {Slice(program)}")
            ?? Again(DifferenceOf(_cold, program, state, undefined, LabMachine.Budget), "cold")
            ?? Again(DifferenceOf(_cold, program, state, undefined, Slice(program)), $"becoming hot in slices of {Slice(program)}")
            ?? Again(DifferenceOf(_cold, program, state, undefined, LabMachine.Budget), "with some of it hot");
    }

    /// <summary>Whether the outcome is known: runs it on the interpreter, which must end it with the program as it was.</summary>
    public bool IsComparable(LabProgram program, LabState state, out ulong undefined)
    {
        undefined = 0;
        if (program.FirstUndefinedRead >= 0)
        {
            return false;
        }

        if (program.Instructions.Any(instruction => DotProducts.Contains(instruction.Mnemonic)) && !_trace.TryTrace(program, state, out _))
        {
            return false;
        }

        _expected.Run(program, state);
        return _expected.Exit.Reason is not (VcpuExitReason.Budget or VcpuExitReason.Spinning) && program.IsIntact(_expected) && TryMaskFrame(_expected, program, out undefined);
    }

    public void Dispose()
    {
        _expected.Dispose();
        _hot.Dispose();
        _cold.Dispose();
        _trace.Dispose();
    }

    private string? DifferenceOf(LabMachine machine, LabProgram program, LabState state, ulong undefined, long slice)
    {
        machine.Run(program, state, slice);
        TryMaskFrame(machine, program, out var alsoUndefined);
        return Compare(machine, program, undefined | alsoUndefined);
    }

    private static string? Again(string? difference, string how) => difference is null ? null : $"{how}, {difference}";

    private static long Slice(LabProgram program) => 1 + (program.Code.Length % 9);

    /// <summary>Clears undefined flags in the frame of the exception that ended the program. False: it left the program in an unknown way.</summary>
    private static unsafe bool TryMaskFrame(LabMachine machine, LabProgram program, out ulong undefined)
    {
        var rip = machine.State->Rip;
        var vector = LabKernel.VectorOf(rip);
        undefined = vector < 0 ? program.UndefinedAt(rip) : 0;
        if (vector == (int)ExceptionVector.DoubleFault || machine.Exit.Reason == VcpuExitReason.Shutdown)
        {
            // Parts of earlier frames are left behind, flags among them.
            return program.UndefinedAnywhere == 0;
        }

        if (vector < 0)
        {
            return program.Contains(rip);
        }

        // The frame: an error code, RIP, CS, RFLAGS.
        var size = program.Mode.Bits() / 8;
        var at = machine.State->Gpr[4] + (LabKernel.HasErrorCode(vector) ? (ulong)size : 0);
        Span<byte> pointer = stackalloc byte[8];
        pointer.Clear();
        for (var i = 0; i < size; i++)
        {
            var source = machine.At(at + (ulong)i, program.Mode);
            if (source.IsEmpty)
            {
                return false;
            }

            pointer[i] = source[0];
        }

        var faulted = BitConverter.ToUInt64(pointer);
        undefined = program.UndefinedAt(faulted);
        for (var i = 0; i < 2; i++)
        {
            var linear = at + (ulong)(2 * size) + (ulong)i;
            var flags = machine.At(linear, program.Mode);
            if (!flags.IsEmpty)
            {
                flags[0] &= (byte)~(undefined >> (8 * i));
            }
            else
            {
                machine.MaskMmio(linear, (byte)(undefined >> (8 * i)));
            }
        }

        return faulted - LabLayout.Code >= LabLayout.CodePages << 12 || program.Contains(faulted);
    }

    private unsafe string? Compare(LabMachine machine, LabProgram program, ulong undefined)
    {
        var (expected, actual) = (default(CpuState), default(CpuState));
        _expected.Normalise(ref expected, undefined);
        machine.Normalise(ref actual, undefined);
        if (_expected.Exit != machine.Exit)
        {
            return $"Run returned {machine.Exit}, not {_expected.Exit}; RIP {actual.Rip:X}, not {expected.Rip:X}";
        }

        if (!Bytes(ref expected).SequenceEqual(Bytes(ref actual)))
        {
            return string.Join("; ", Fields(Bytes(ref expected), Bytes(ref actual)));
        }

        if (!_expected.Frames.SequenceEqual(machine.Frames))
        {
            var at = _expected.Frames.CommonPrefixLength(machine.Frames);
            return $"memory differs at {Place(at, program.Mode)}: {machine.Frames[at]:X2}, not {_expected.Frames[at]:X2}";
        }

        if (!_expected.KernelStacks.SequenceEqual(machine.KernelStacks))
        {
            var at = _expected.KernelStacks.CommonPrefixLength(machine.KernelStacks) & ~7;
            return $"the kernel's stack differs at {at:X}: {BitConverter.ToUInt64(machine.KernelStacks[at..]):X}, not {BitConverter.ToUInt64(_expected.KernelStacks[at..]):X}";
        }

        var entry = _expected.Entries(program.Mode).CommonPrefixLength(machine.Entries(program.Mode));
        if (entry < _expected.Entries(program.Mode).Length)
        {
            return $"the page-table entry at {_expected.Tables(program.Mode).AddressOf(entry):X} is {machine.Entries(program.Mode)[entry]:X}, not {_expected.Entries(program.Mode)[entry]:X}";
        }

        return _expected.MmioLog.SequenceEqual(machine.MmioLog) ? null
            : $"device accesses are {string.Join(' ', machine.MmioLog)}, not {string.Join(' ', _expected.MmioLog)}";
    }

    private static unsafe Span<byte> Bytes(ref CpuState state) => MemoryMarshal.AsBytes(new Span<CpuState>(ref state));

    /// <summary>Differing fields of the state by name and word.</summary>
    private static List<string> Fields(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual)
    {
        var fields = typeof(CpuState).GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .Select(field => (field.Name, Offset: (int)Marshal.OffsetOf<CpuState>(field.Name))).OrderBy(field => field.Offset).ToList();
        var differences = new List<string>();
        for (var at = 0; at + 8 <= expected.Length; at += 8)
        {
            var (old, now) = (BitConverter.ToUInt64(expected[at..]), BitConverter.ToUInt64(actual[at..]));
            if (old != now)
            {
                var first = at + (System.Numerics.BitOperations.TrailingZeroCount(old ^ now) / 8);
                var field = fields.Last(f => f.Offset <= first);
                var word = at >= field.Offset ? string.Create(CultureInfo.InvariantCulture, $"+{at - field.Offset}") : "";
                var name = field.Name == nameof(CpuState.Gpr) ? ((X86Register)((at - field.Offset) / 8)).ToString() : field.Name + word;
                differences.Add($"{name} is {now:X}, not {old:X}");
            }
        }

        return differences;
    }

    /// <summary>The linear address of a byte among the frames.</summary>
    public static string Place(int offset, LabMode mode)
    {
        var gpa = LabLayout.Frame[offset >> 12];
        var page = LabLayout.Pages(mode.Bits() == 64).FirstOrDefault(page => page.Gpa == gpa);
        return $"{page.Linear + (ulong)(offset & 0xFFF):X}";
    }
}
