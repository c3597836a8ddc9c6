using System.Text;
using System.Xml.Linq;
using Vivarium.X86;

namespace Vivarium.Debugging.Tests;

/// <summary>Packets and their answers, the machine standing.</summary>
public sealed class CommandTests : IDisposable
{
    private readonly FakeMachine _machine = new(2);
    private readonly RunControl _control;
    private readonly CommandHandler _handler;

    public CommandTests()
    {
        _control = new RunControl(_machine);
        _handler = new CommandHandler(_control, GdbRegisterSet.X64);
    }

    public void Dispose()
    {
        _control.Dispose();
        _machine.Dispose();
    }

    private string? Ask(string packet) => Ask(_handler, packet);

    private static string? Ask(CommandHandler handler, string packet) => handler.Handle(Encoding.Latin1.GetBytes(packet)).Text;

    private string Monitor(string command) => Encoding.UTF8.GetString(Convert.FromHexString(Ask("qRcmd," + HexText.Encode(command))!));

    private int NumberOf(string register) => new TargetDescription(GdbRegisterSet.X64, hasAvx: true).Registers.Select(each => each.Name).ToList().IndexOf(register);

    [Theory]
    [InlineData("qSupported:multiprocess+;hwbreak+", "PacketSize=4000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;hwbreak+;swbreak+")]
    [InlineData("?", "T05thread:1;")]
    [InlineData("vMustReplyEmpty", "")]
    [InlineData("vCont?", "vCont;c;C;s;S;r")]
    [InlineData("qfThreadInfo", "m1,2")]
    [InlineData("qsThreadInfo", "l")]
    [InlineData("qC", "QC1")]
    [InlineData("qAttached", "1")]
    [InlineData("qAttached:1", "1")]
    [InlineData("qSymbol::", "OK")]
    [InlineData("qTStatus", "")]
    [InlineData("qCRC:0,4", "")]
    [InlineData("!", "")]
    [InlineData("", "")]
    [InlineData("Hg2", "OK")]
    [InlineData("Hg0", "OK")]
    [InlineData("Hgp1.2", "OK")]
    [InlineData("Hc-1", "OK")]
    [InlineData("Hg3", "E16")]
    [InlineData("Hx1", "E16")]
    [InlineData("Hg", "E16")]
    [InlineData("T2", "OK")]
    [InlineData("T3", "E16")]
    [InlineData("T-1", "E16")]
    [InlineData("Z1,1000,1", "OK")]
    [InlineData("z1,9999,1", "OK")]
    [InlineData("Z2,1000,0", "E16")]
    [InlineData("Z2,ffffffffffffffff,2", "E16")]
    [InlineData("Z5,1000,1", "")]
    [InlineData("Z1", "E16")]
    [InlineData("Z1,xyz,1", "E16")]
    [InlineData("m0", "E16")]
    [InlineData("mzz,1", "E16")]
    [InlineData("m100000,4", "E0e")]
    [InlineData("m1000,0", "")]
    [InlineData("M1000,2:1", "E16")]
    [InlineData("M1000,2:zz11", "E16")]
    [InlineData("Mfffff,2:1122", "E0e")]
    [InlineData("X1000,5:abc", "E16")]
    [InlineData("X1000,0:", "OK")]
    [InlineData("Xffffffffffffffff,ffffffffffffffff:", "E16")]
    [InlineData("p999", "E16")]
    [InlineData("P0", "E16")]
    [InlineData("P0=11", "E16")]
    [InlineData("G12", "E16")]
    [InlineData("vCont;s:9", "E16")]
    [InlineData("vCont;x", "E16")]
    [InlineData("vCont;", "E16")]
    [InlineData("vCont;r100", "E16")]
    [InlineData("cxyz", "E16")]
    [InlineData("C", "E16")]
    [InlineData("qXfer:features:read:other.xml:0,100", "E00")]
    [InlineData("qXfer:features:read:target.xml:ffffff,100", "l")]
    [InlineData("qXfer:features:read:target.xml:0", "E16")]
    [InlineData("qRcmd,6", "E16")]
    [InlineData("qThreadExtraInfo,1", "7643505520302c20616374697665")]
    [InlineData("qqemu.PhyMemMode", "0")]
    [InlineData("qqemu.sstepbits", "ENABLE=1,NOIRQ=2")]
    [InlineData("qqemu.sstep", "0x3")]
    public void Packets_are_answered(string packet, string answer) => Assert.Equal(answer, Ask(packet));

    [Theory]
    [InlineData(GdbRegisterSet.X64, true, "i386:x86-64", "rax,rbx,rcx,rdx,rsi,rdi,rbp,rsp")]
    [InlineData(GdbRegisterSet.X64, false, "i386:x86-64", "rax,rbx,rcx,rdx,rsi,rdi,rbp,rsp")]
    [InlineData(GdbRegisterSet.X86, true, "i386", "eax,ecx,edx,ebx,esp,ebp,esi,edi")]
    [InlineData(GdbRegisterSet.X86Real, false, "i8086", "eax,ecx,edx,ebx,esp,ebp,esi,edi")]
    public void The_description_is_what_registers_are_read_by(GdbRegisterSet set, bool hasAvx, string architecture, string first)
    {
        using var machine = new FakeMachine(1, hasAvx ? CpuModel.Max : CpuModel.All.First(model => !model.Has(CpuFeature.Avx)));
        using var control = new RunControl(machine);
        var handler = new CommandHandler(control, set);
        var text = "";
        for (var last = 'm'; last == 'm';)
        {
            var part = Ask(handler, FormattableString.Invariant($"qXfer:features:read:target.xml:{text.Length:x},3ff"))!;
            last = part[0];
            text += part[1..];
        }

        var document = XDocument.Parse(text.Replace("<!DOCTYPE target SYSTEM \"gdb-target.dtd\">", "", StringComparison.Ordinal));
        Assert.Equal(architecture, document.Root!.Element("architecture")!.Value);
        var registers = document.Descendants("reg").ToList();
        Assert.Equal(Enumerable.Range(0, registers.Count), registers.Select(register => (int)register.Attribute("regnum")!));
        Assert.Equal(registers.Sum(register => (int)register.Attribute("bitsize")! / 4), Ask(handler, "g")!.Length);
        Assert.Equal(first, string.Join(',', registers.Take(8).Select(register => register.Attribute("name")!.Value)));
        Assert.Equal(hasAvx, text.Contains("org.gnu.gdb.i386.avx", StringComparison.Ordinal));
    }

    [Fact]
    public void Each_register_can_be_read_and_written_back()
    {
        var all = Ask("g")!;
        Assert.Equal("OK", Ask("G" + all));
        Assert.Equal(all, Ask("g"));
        var at = 0;
        var registers = new TargetDescription(GdbRegisterSet.X64, hasAvx: true).Registers;
        for (var i = 0; i < registers.Count; i++)
        {
            var value = all.Substring(at, registers[i].SizeBytes * 2);
            Assert.Equal(value, Ask($"p{i:x}"));
            Assert.Equal("OK", Ask($"P{i:x}={value}"));
            at += value.Length;
        }
    }

    [Theory]
    [InlineData("rax", "8877665544332211", true)]
    [InlineData("r15", "8877665544332211", true)]
    [InlineData("rip", "0020000000000000", true)]
    [InlineData("eflags", "d70c0000", true)]
    [InlineData("st0", "00000000000000a00240", true)]
    [InlineData("fctrl", "7f030000", true)]
    [InlineData("fstat", "00380000", true)]
    [InlineData("ftag", "ff3f0000", true)]
    [InlineData("xmm15", "00112233445566778899aabbccddeeff", true)]
    [InlineData("ymm3h", "00112233445566778899aabbccddeeff", true)]
    [InlineData("mxcsr", "bf1f0000", true)]
    [InlineData("mxcsr", "bf1f0100", false)]
    [InlineData("k_gs_base", "0000000080ffffff", true)]
    [InlineData("k_gs_base", "0000000000000080", false)]
    [InlineData("cr0", "1100000000000000", true)]
    [InlineData("cr0", "1000008000000000", false)]
    [InlineData("cr2", "1000008000000000", true)]
    [InlineData("cr3", "0010000000000000", true)]
    [InlineData("cr4", "2000000000000000", true)]
    [InlineData("cr4", "0000000000000080", false)]
    [InlineData("efer", "0001000000000000", true)]
    [InlineData("efer", "0000000000000080", false)]
    [InlineData("xcr0", "0700000000000000", true)]
    [InlineData("xcr0", "0500000000000000", false)]
    [InlineData("dr1", "8877665544330000", true)]
    [InlineData("dr7", "0104000000000000", true)]
    [InlineData("dr7", "0104000001000000", false)]
    [InlineData("gdt_limit", "ffff0000", true)]
    [InlineData("gdt_limit", "ffff0100", false)]
    [InlineData("ds_base", "0000010000000000", true)]
    public void Registers_take_what_the_processor_takes(string register, string value, bool isTaken)
    {
        var number = NumberOf(register);
        var before = Ask($"p{number:x}");
        Assert.Equal(isTaken ? "OK" : "E16", Ask($"P{number:x}={value}"));
        Assert.Equal(isTaken ? value : before, Ask($"p{number:x}"));
    }

    [Fact]
    public void A_selector_in_real_mode_moves_its_base()
    {
        Assert.Equal("OK", Ask($"P{NumberOf("ds"):x}=34120000"));
        Assert.Equal((0x1234, 0x12340UL), _machine.Processors[0].GetSegment(X86Segment.Ds));
    }

    [Fact]
    public void A_selector_in_protected_mode_needs_a_descriptor()
    {
        _machine.Memory.Write(0x2008, 0x00CF93000000FFFFUL);
        _machine.Memory.Write(0x2010, 0x00CFF3000000FFFFUL);
        var cpu = _machine.Processors[0];
        cpu[X86Register.GdtBase] = 0x2000;
        cpu[X86Register.GdtLimit] = 0x17;
        cpu[X86Register.Cr0] = 0x11;
        Assert.Equal("OK", Ask($"P{NumberOf("ds"):x}=08000000"));
        Assert.Equal("OK", Ask($"P{NumberOf("ss"):x}=08000000"));
        Assert.Equal("E16", Ask($"P{NumberOf("ss"):x}=13000000"));
        Assert.Equal("E16", Ask($"P{NumberOf("ds"):x}=18000000"));
        Assert.Equal("E16", Ask($"P{NumberOf("cs"):x}=08000000"));
        Assert.Equal("OK", Ask($"P{NumberOf("es"):x}=00000000"));
    }

    [Fact]
    public void Registers_are_those_of_the_chosen_processor()
    {
        _machine.Processors[1][X86Register.Rax] = 0x42;
        Assert.NotEqual("4200000000000000", Ask("p0"));
        Ask("Hg2");
        Assert.Equal("4200000000000000", Ask("p0"));
        Assert.Equal("QC2", Ask("qC"));
    }

    [Fact]
    public void Memory_is_read_and_written_in_both_ways()
    {
        Assert.Equal("OK", Ask("M2000,4:deadbeef"));
        Assert.Equal("OK", Ask("X2004,3:}#$"));
        Assert.Equal("deadbeef7d2324", Ask("m2000,7"));
        Assert.Equal(8192 * 2, Ask("m2000,ffffffffffffffff")!.Length);
        Assert.Equal("0000", Ask("mffffe,10"));
    }

    [Fact]
    public void Physical_memory_is_not_translated()
    {
        var cpu = _machine.Processors[0];
        _machine.Memory.Write(0x3000, 0x4003U);
        _machine.Memory.Write(0x4000 + (5 * 4), 0x6003U);
        _machine.Memory.Write(0x6000, 0x11223344U);
        _machine.Memory.Write(0x5000, 0x55667788U);
        cpu[X86Register.Cr3] = 0x3000;
        cpu[X86Register.Cr0] = 0x80000011;
        Assert.Equal("44332211", Ask("m5000,4"));
        Assert.Equal("E0e", Ask("m7000,4"));
        Assert.Equal("0x5000 is at guest-physical 0x6000\n", Monitor("translate 5000"));
        Assert.Equal("0x7000 is not mapped\n", Monitor("translate 0x7000"));
        Assert.Equal("OK", Ask("Qqemu.PhyMemMode:1"));
        Assert.Equal("88776655", Ask("m5000,4"));
        Assert.Equal("OK", Ask("M5000,1:00"));
        Assert.Equal("OK", Ask("Qqemu.PhyMemMode:0"));
        Assert.Equal("000000005000 00 77 66 55\n", Monitor("phys 5000 4"));
        Assert.Equal((0x4003U, 0x6003U), (_machine.Memory.Read<uint>(0x3000), _machine.Memory.Read<uint>(0x4014)));
    }

    [Theory]
    [InlineData("help", "translate")]
    [InlineData("", "translate")]
    [InlineData("cpus", "vCPU 1: active, rip 0x1000, 0 instructions")]
    [InlineData("phys 0 99999", "No such command")]
    [InlineData("phys fffff0 20", "no memory")]
    [InlineData("frobnicate", "monitor help")]
    public void Monitor_commands_answer_in_words(string command, string part) => Assert.Contains(part, Monitor(command), StringComparison.Ordinal);

    [Theory]
    [InlineData("c", 'c', 'c')]
    [InlineData("s", 's', 'c')]
    [InlineData("C05", 'c', 'c')]
    [InlineData("S05;2000", 's', 'c')]
    [InlineData("vCont;c", 'c', 'c')]
    [InlineData("vCont;s:1;c", 's', 'c')]
    [InlineData("vCont;s:p1.2;c:p1.-1", 'c', 's')]
    [InlineData("vCont;s:1", 's', 'h')]
    [InlineData("vCont;C05:2", 'h', 'c')]
    [InlineData("vCont;r1000,1010:2;s:1;c", 's', 's')]
    public void Processors_go_on_as_asked(string packet, char first, char second)
    {
        Assert.Equal(CommandAction.Resume, _handler.Handle(Encoding.Latin1.GetBytes(packet)).Action);
        Assert.Equal([first, second], _control.Processors.Select(cpu => cpu.IsHeld ? 'h' : cpu.IsStepping ? 's' : 'c'));
    }

    [Fact]
    public void A_chosen_processor_goes_on_alone()
    {
        Ask("Hc2");
        Ask("s");
        Assert.Equal([true, false], _control.Processors.Select(cpu => cpu.IsHeld));
        Assert.True(_control.Processors[1].IsStepping);
    }

    [Fact]
    public void An_address_to_go_on_at_is_taken()
    {
        Ask("c2000");
        Assert.Equal(0x2000UL, _machine.Processors[0][X86Register.Rip]);
    }

    [Fact]
    public void A_hit_that_was_not_reported_waits_for_its_processor()
    {
        // mov byte [2000h], 1
        Assert.Equal("OK", Ask("M1000,5:c606002001"));
        Ask("Z2,2000,1");
        foreach (var cpu in _machine.Processors)
        {
            Assert.Equal(VcpuExitReason.Debug, cpu.Run(10).Reason);
        }

        Assert.Equal("T05thread:2;watch:2000;", _control.Report().Text);
        Assert.Equal(CommandAction.Resume, _handler.Handle("vCont;c:2"u8).Action);
        Assert.Equal(new CommandReply("T05thread:1;watch:2000;"), _handler.Handle("vCont;c"u8));
        Assert.Equal(CommandAction.Resume, _handler.Handle("vCont;c"u8).Action);
    }

    [Fact]
    public void Who_was_not_reported_meets_its_breakpoint_again()
    {
        Ask("qSupported:hwbreak+");
        Ask("Z1,1000,1");
        foreach (var cpu in _machine.Processors)
        {
            Assert.Equal(VcpuExitReason.Debug, cpu.Run(10).Reason);
        }

        Assert.Equal("T05thread:2;hwbreak:;", _control.Report().Text);
        Ask("vCont;c");
        Assert.Equal(VcpuExitReason.Debug, _machine.Processors[0].Run(10).Reason);
        Assert.Equal("T05thread:1;hwbreak:;", _control.Report().Text);
    }

    [Fact]
    public void Both_kinds_of_breakpoint_may_be_at_one_address()
    {
        Ask("Z0,1000,1");
        Ask("Z1,1000,1");
        Ask("z0,1000,1");
        Assert.Equal(VcpuExitReason.Debug, _machine.Processors[0].Run(10).Reason);
        Ask("z1,1000,1");
        Ask("vCont;c");
        Assert.Equal(VcpuExitReason.Budget, _machine.Processors[0].Run(10).Reason);
    }

    [Fact]
    public void There_is_an_end_to_breakpoints()
    {
        for (var i = 0; i < RunControl.MaxPoints; i++)
        {
            Assert.Equal("OK", Ask($"Z1,{i:x},1"));
            Assert.Equal("OK", Ask($"Z2,{i:x},1"));
        }

        Assert.Equal("E1c", Ask("Z1,ffff,1"));
        Assert.Equal("E1c", Ask("Z3,ffff,1"));
        Assert.Equal("OK", Ask("Z1,0,1"));
    }
}
