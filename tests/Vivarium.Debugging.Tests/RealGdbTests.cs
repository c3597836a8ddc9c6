using System.Text.RegularExpressions;

namespace Vivarium.Debugging.Tests;

/// <summary>The best oracle: gdb itself, on a guest with symbols and line numbers.</summary>
public sealed class RealGdbTests
{
    public static TheoryData<ExecutionEngine> Engines => TestGuest.Engines;

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Gdb_breaks_steps_watches_and_shows_frames(ExecutionEngine engine)
    {
        using var gdb = await GdbTool.BuildGuestAsync("counting.s");
        await using var vm = TestGuest.Create(engine, gdb.Image, cpus: 2);
        await vm.StartAsync();
        var text = await gdb.DebugAsync(
            vm.GdbServer!.EndPoint,
            "info line *$pc",
            "break inner",
            "continue",
            "backtrace",
            "stepi",
            "print $xmm1.v2_double[0]",
            "next",
            "finish",
            "hbreak outer",
            "delete 1",
            "continue",
            "print (long) rounds",
            "delete",
            "watch *(long*) &total",
            "continue",
            "continue",
            "delete",
            "rwatch *(long*) &rounds",
            "continue",
            "delete",
            "set var *(long*) &total = 1000",
            "set var $rdi = 7",
            "print *(long*) &total + $rdi",
            "x/2i inner",
            "print/x $efer",
            "detach");
        AssertLines(
            text,
            @"Line \d+ of ""[^""]*counting\.s"" starts at address 0x100000 <_start>",
            @"Breakpoint 1 at 0x[0-9a-f]+: file .*counting\.s, line \d+\.",
            @"Breakpoint 1, inner \(\) at .*counting\.s:\d+",
            @"#0  inner \(\)",
            @"#1  0x[0-9a-f]+ in outer \(\)",
            @"#2  0x[0-9a-f]+ in (_start|again) \(\)",
            @"\$1 = 0",
            @"outer \(\) at .*counting\.s:45",
            @"Hardware assisted breakpoint 2 at",
            @"Breakpoint 2, outer \(\)",
            @"\$2 = 1",
            @"Hardware watchpoint 3: \*\(long\*\) &total",
            @"Old value = 0",
            @"New value = 1",
            @"Old value = 1",
            @"New value = 3",
            @"Hardware read watchpoint 4: \*\(long\*\) &rounds",
            @"Value = 3",
            @"\$3 = 1007",
            @"<inner>:\s+cvtsi2sd %rdi,%xmm1",
            @"\$4 = 0x500",
            @"Inferior 1 \(.*\) detached");
        Assert.Equal(MachineState.Running, vm.State);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public async Task Gdb_switches_between_processors(ExecutionEngine engine)
    {
        using var gdb = await GdbTool.BuildGuestAsync("counting.s");
        await using var vm = TestGuest.Create(engine, gdb.Image, cpus: 2);
        await vm.StartAsync();
        var text = await gdb.DebugAsync(
            vm.GdbServer!.EndPoint,
            "info threads",
            "hbreak *&ap_loop",
            "continue",
            "info threads",
            "thread",
            "print/x $cs",
            "set var $count = *(int*) 0x8800",
            "stepi",
            "print *(int*) 0x8800 - $count",
            "thread 1",
            "print/x $cs",
            "set scheduler-locking on",
            "delete",
            "break inner",
            "continue",
            "thread 2",
            "print $eflags",
            "monitor cpus",
            "kill");
        AssertLines(
            text,
            @"\* 1    Thread 1 \(vCPU 0, active\)",
            @"  2    Thread 2 \(vCPU 1, waits for startup\)",
            @"Thread 2 hit Breakpoint 1, 0x0*8009 in \?\? \(\)",
            @"  1    Thread 1 \(vCPU 0, active\)",
            @"\* 2    Thread 2 \(vCPU 1, active\)",
            @"\[Current thread is 2 \(Thread 2\)\]",
            @"\$1 = 0x0",
            @"\$2 = 1",
            @"\[Switching to thread 1 \(Thread 1\)\]",
            @"\$3 = 0x10",
            @"Thread 1 hit Breakpoint 2, inner \(\)",
            @"\[Switching to thread 2 \(Thread 2\)\]",
            @"\[Inferior 1 \(.*\) killed\]");
        Assert.Matches("vCPU 1: active, rip 0x800e, 4 instructions", text);
        Assert.Equal(ShutdownKind.Stopped, (await vm.WaitForShutdownAsync().WaitAsync(TimeSpan.FromSeconds(90))).Kind);
    }

    [Theory]
    [InlineData(GdbRegisterSet.X86, "i386", "info registers eip cr0 ymm7 mxcsr st7")]
    [InlineData(GdbRegisterSet.X86Real, "i8086", "info registers eip cs_base st0")]
    public async Task Gdb_takes_the_other_descriptions(GdbRegisterSet set, string architecture, string command)
    {
        using var gdb = await GdbTool.BuildGuestAsync("counting.s");
        await using var vm = TestGuest.Builder(ExecutionEngine.Auto, TestGuest.Counting)
            .WithBootLoader(new FlatBinaryLoader(new byte[] { 0x40, 0x90, 0x90, 0xF4 }))
            .WithGdbServer(new GdbServerOptions { Port = 0, Registers = set }).Build();
        await vm.StartAsync();
        var text = await gdb.DebugBareAsync(
            vm.GdbServer!.EndPoint, "show architecture", command, "x/2i $cs_base + $eip", "hbreak *0x7c01", "continue", "info registers eip ax", "hbreak *0x7c03",
            "continue", "info registers eip", "detach");
        AssertLines(
            text,
            $"currently \"{architecture}\"",
            @"eip\s+0x0",
            @"inc    %[e]?ax",
            "Program received signal SIGTRAP",
            @"eip\s+0x1",
            @"ax\s+0x1",
            @"eip\s+0x3");
        Assert.DoesNotContain("warning: Selected architecture", text, StringComparison.Ordinal);
    }

    /// <summary>Patterns that lines must match, in this order.</summary>
    private static void AssertLines(string text, params string[] patterns)
    {
        var at = 0;
        foreach (var pattern in patterns)
        {
            var match = new Regex(pattern).Match(text, at);
            Assert.True(match.Success, $"No line like '{pattern}' from here on:\n{text[at..]}\n\nall of it:\n{text}");
            at = match.Index + match.Length;
        }
    }
}
