using System.Text.Json;
using Vivarium.Memory;

namespace Vivarium.X86.Tests.Conformance;

/// <summary>The processor against instructions captured from a real 80286 in real mode (SingleStepTests).</summary>
public sealed class Captured286Tests
{
    private const ulong RamBytes = 16 << 20;
    private const int MaxInstructions = 70_000;
    private static readonly string s_data = FindData();

    public static TheoryData<string> Groups => [.. Files().Select(f => Path.GetFileName(f)[..1]).Distinct()];

    [Theory]
    [MemberData(nameof(Groups))]
    public void Every_case_ends_as_on_the_chip(string group)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(s_data, "metadata.json")));
        var failures = new List<string>();
        using var memory = new GuestMemory();
        memory.AddRam(0, RamBytes);
        using var cpu = new X86Cpu(new X86CpuOptions { Memory = memory, Model = CpuModel.Max });
        foreach (var file in Files().Where(f => Path.GetFileName(f).StartsWith(group, StringComparison.Ordinal)))
        {
            foreach (var test in MooFile.Read(file))
            {
                if (KnownDifferences.Reason(test) is null && Run(cpu, memory, test, FlagsMask(document, test.Form)) is { } difference)
                {
                    failures.Add($"{test.Form} #{test.Index} {test.Name}: {difference}");
                }
            }
        }

        Assert.True(failures.Count == 0, $"{failures.Count} cases differ:\n{string.Join('\n', failures.Take(400))}");
    }

    [Fact]
    public void Few_cases_are_left_out()
    {
        var all = Files().SelectMany(MooFile.Read).ToList();
        var left = all.Count(t => KnownDifferences.Reason(t) is not null);
        Assert.Equal(9750, all.Count);
        Assert.True(left <= all.Count * 0.02, $"{left} of {all.Count} cases are left out.");
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
        var exit = cpu.Run(MaxInstructions);
        var difference = exit.Reason != VcpuExitReason.Halted ? $"ended with {exit.Reason}" : Compare(cpu, memory, test, flagsMask, general, names, segments, segmentNames);
        foreach (var (address, _) in test.Initial.Ram.Concat(test.Final.Ram))
        {
            memory.TryWrite(address, [0]);
        }

        return difference;
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

        var actual = new byte[1];
        foreach (var (address, value) in test.Final.Ram)
        {
            memory.TryRead(address, actual);
            var mask = (byte)0xFF;
            if (test.Exception is { } exception && address - exception.FlagAddress < 2)
            {
                mask = (byte)((flagsMask & 0xFFF) >> (int)((address - exception.FlagAddress) * 8));
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
