using System.Text.Json;
using Vivarium.Memory;

namespace Vivarium.X86.Tests.Conformance;

/// <summary>The processor against instructions captured from a real 80286 in real mode (SingleStepTests).</summary>
public sealed class Captured286Tests
{
    private const ulong RamBytes = 16 << 20;
    private const int MaxInstructions = 70_000;
    private static readonly string s_data = FindData();

    [Fact]
    public void Cases_end_as_on_the_chip_but_for_known_differences()
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(s_data, "metadata.json")));
        var failures = new List<string>();
        var total = 0;
        var excused = 0;
        using var memory = new GuestMemory();
        memory.AddRam(0, RamBytes);
        using var engine = TestEngine.Create();
        using var cpu = new X86Cpu(new X86CpuOptions { Memory = memory, Engine = engine });
        foreach (var test in Files().SelectMany(MooFile.Read))
        {
            total++;
            if (Run(cpu, memory, test, FlagsMask(document, test.Form)) is { } difference)
            {
                if (KnownDifferences.Reason(test) is null)
                {
                    failures.Add($"{test.Form} #{test.Index} {test.Name}: {difference}");
                }
                else
                {
                    excused++;
                }
            }
        }

        Assert.Equal(9750, total);
        Assert.True(failures.Count == 0, $"{failures.Count} cases differ:\n{string.Join('\n', failures.Take(50))}");
        Assert.True(excused <= total * 0.02, $"{excused} of {total} cases are excused, more than 2%.");
        TestContext.Current.TestOutputHelper?.WriteLine($"{total - excused} of {total} cases pass, {excused} are known differences of the 80286.");
    }

    private static string? Run(X86Cpu cpu, GuestMemory memory, MooCase test, ushort flagsMask)
    {
        cpu.Reset();
        foreach (var (address, value) in test.Initial.Ram)
        {
            memory.TryWrite(address, [value]);
        }

        var initial = test.Initial.Registers;
        Span<X86Register> general = [X86Register.Rax, X86Register.Rbx, X86Register.Rcx, X86Register.Rdx, X86Register.Rsp, X86Register.Rbp, X86Register.Rsi, X86Register.Rdi];
        string[] names = ["ax", "bx", "cx", "dx", "sp", "bp", "si", "di"];
        for (var i = 0; i < names.Length; i++)
        {
            cpu[general[i]] = initial[names[i]];
        }

        X86Segment[] segments = [X86Segment.Cs, X86Segment.Ss, X86Segment.Ds, X86Segment.Es];
        string[] segmentNames = ["cs", "ss", "ds", "es"];
        for (var i = 0; i < segments.Length; i++)
        {
            cpu.SetSegment(segments[i], initial[segmentNames[i]], (ulong)initial[segmentNames[i]] << 4, 0xFFFF, 0x93);
        }

        cpu[X86Register.Rip] = initial["ip"];
        cpu[X86Register.Rflags] = initial["flags"] & 0xFFFu;
        cpu[X86Register.IdtLimit] = 0x3FF;
        if (test.Name.Contains("lock", StringComparison.Ordinal) && RaisesInvalidOpcode(cpu, memory, initial))
        {
            // LOCK on an instruction that does not take it is #UD on every processor since the 80386.
            return null;
        }

        var exit = cpu.Run(MaxInstructions);
        var difference = exit.Reason != VcpuExitReason.Halted ? $"ended with {exit.Reason}" : Compare(cpu, memory, test, flagsMask, general, names, segments, segmentNames);
        foreach (var (address, _) in test.Initial.Ram.Concat(test.Final.Ram))
        {
            memory.TryWrite(address, [0]);
        }

        return difference;
    }

    /// <summary>Runs the first instruction; true if it went to vector 6, which is 0000:0000 here, with a return address of itself.</summary>
    private static bool RaisesInvalidOpcode(X86Cpu cpu, GuestMemory memory, IReadOnlyDictionary<string, ushort> initial)
    {
        cpu.Run(1);
        var stack = ((ulong)initial["ss"] << 4) + (ushort)(initial["sp"] - 6);
        var pushed = new byte[2];
        memory.TryRead(stack, pushed);
        var raised = cpu[X86Register.Rip] == 0 && cpu.GetSegment(X86Segment.Cs).Selector == 0 && BitConverter.ToUInt16(pushed) == initial["ip"];
        if (raised)
        {
            memory.TryWrite(stack, new byte[6]);
        }

        return raised;
    }

    private static string? Compare(
        X86Cpu cpu, GuestMemory memory, MooCase test, ushort flagsMask, Span<X86Register> general, string[] names, X86Segment[] segments, string[] segmentNames)
    {
        ushort Expected(string name) => test.Final.Registers.TryGetValue(name, out var changed) ? changed : test.Initial.Registers[name];
        for (var i = 0; i < names.Length; i++)
        {
            if ((ushort)cpu[general[i]] != Expected(names[i]))
            {
                return $"{names[i]} is {(ushort)cpu[general[i]]:X4}, not {Expected(names[i]):X4}";
            }
        }

        for (var i = 0; i < segments.Length; i++)
        {
            if (cpu.GetSegment(segments[i]).Selector != Expected(segmentNames[i]))
            {
                return $"{segmentNames[i]} is {cpu.GetSegment(segments[i]).Selector:X4}, not {Expected(segmentNames[i]):X4}";
            }
        }

        if ((ushort)cpu[X86Register.Rip] != Expected("ip"))
        {
            return $"ip is {cpu[X86Register.Rip]:X4}, not {Expected("ip"):X4}";
        }

        var flags = (ushort)(cpu[X86Register.Rflags] ^ Expected("flags")) & flagsMask & 0xFFF;
        if (flags != 0)
        {
            return $"flags are {cpu[X86Register.Rflags]:X4}, not {Expected("flags"):X4}";
        }

        // Where the flags of an exception were pushed: above IP and CS.
        var pushedFlags = ((uint)Expected("ss") << 4) + (ushort)(Expected("sp") + 4);
        var actual = new byte[1];
        foreach (var (address, value) in test.Final.Ram)
        {
            memory.TryRead(address, actual);
            var mask = (byte)0xFF;
            if (test.Exception is not null && address - pushedFlags < 2)
            {
                mask = (byte)((flagsMask & 0xFFF) >> (int)((address - pushedFlags) * 8));
            }

            if (((actual[0] ^ value) & mask) != 0)
            {
                return $"[{address:X6}] is {actual[0]:X2}, not {value:X2}";
            }
        }

        return null;
    }

    private static ushort FlagsMask(JsonDocument document, string form)
    {
        var parts = form.Split('.');
        if (!document.RootElement.GetProperty("opcodes").TryGetProperty(parts[0], out var entry))
        {
            return ushort.MaxValue;
        }

        if (parts.Length > 1 && entry.TryGetProperty("reg", out var registers) && registers.TryGetProperty(parts[1], out var sub))
        {
            entry = sub;
        }

        return entry.TryGetProperty("flags-mask", out var mask) ? (ushort)mask.GetInt32() : ushort.MaxValue;
    }

    private static IEnumerable<string> Files() => Directory.EnumerateFiles(s_data, "*.MOO.gz").Order(StringComparer.Ordinal);

    private static string FindData()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var data = Path.Combine(folder.FullName, "tests", "data", "sst286");
            if (Directory.Exists(data))
            {
                return data;
            }
        }

        throw new DirectoryNotFoundException("tests/data/sst286 is not above the test's folder.");
    }
}
