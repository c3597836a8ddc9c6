using FsCheck;
using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Apic;

public sealed class LocalApicTests
{
    private const uint TaskPriority = 0x80;
    private const uint ProcessorPriority = 0xA0;
    private const uint EndOfInterrupt = 0xB0;
    private const uint SpuriousVector = 0xF0;
    private const uint ErrorStatus = 0x280;
    private const uint CommandLow = 0x300;
    private const uint CommandHigh = 0x310;
    private const uint LvtLint0 = 0x350;
    private const uint LvtLint1 = 0x360;
    private const uint LvtError = 0x370;

    private readonly ApicMachine _machine = new ApicMachine(processors: 4).Enable();

    private LocalApic Bsp => _machine.Apics[0];

    [Fact]
    public void Registers_have_their_reset_values()
    {
        var apic = new ApicMachine(2).Apics[1];
        Assert.Equal(0xFEE0_0800UL, apic.ApicBase);
        Assert.Equal(0x0100_0000u, apic.ReadRegister(0x20, 4));
        Assert.Equal(0x0005_0014u, apic.ReadRegister(0x30, 4));
        Assert.Equal(0xFFu, apic.ReadRegister(SpuriousVector, 4));
        Assert.Equal(0xFFFF_FFFFu, apic.ReadRegister(0xE0, 4));
        Assert.Equal(0x1_0000u, apic.ReadRegister(LvtLint0, 4));
        Assert.Equal(0x700u, new ApicMachine().Apics[0].ReadRegister(LvtLint0, 4));
    }

    [Fact]
    public void The_highest_class_is_delivered_and_blocks_lower_ones_until_eoi()
    {
        SendSelf(0x41);
        SendSelf(0x52);
        SendSelf(0x51);
        Assert.Equal(0x52, Bsp.AcknowledgeInterrupt());
        Assert.Equal(0x50u, Bsp.ReadRegister(ProcessorPriority, 4));
        Assert.False(Bsp.HasPendingInterrupt);
        SendSelf(0x60);
        Assert.Equal(0x60, Bsp.AcknowledgeInterrupt());
        Bsp.WriteRegister(EndOfInterrupt, 4, 0);
        Assert.False(Bsp.HasPendingInterrupt);
        Bsp.WriteRegister(EndOfInterrupt, 4, 0);
        Assert.Equal(0x51, Bsp.AcknowledgeInterrupt());
        Bsp.WriteRegister(EndOfInterrupt, 4, 0);
        Assert.Equal(0x41, Bsp.AcknowledgeInterrupt());
    }

    [Fact]
    public void The_task_priority_holds_interrupts_back_and_is_cr8()
    {
        Bsp.TaskPriorityClass = 4;
        Assert.Equal(0x40u, Bsp.ReadRegister(TaskPriority, 4));
        SendSelf(0x4F);
        Assert.False(Bsp.HasPendingInterrupt);
        var before = _machine.Vcpus[0].Interrupts;
        Bsp.WriteRegister(TaskPriority, 4, 0x3F);
        Assert.Equal(3, Bsp.TaskPriorityClass);
        Assert.Equal(before + 1, _machine.Vcpus[0].Interrupts);
        Assert.Equal(0x4F, Bsp.AcknowledgeInterrupt());
    }

    [Fact]
    public void Acknowledging_nothing_gives_minus_one()
    {
        Assert.Equal(-1, Bsp.AcknowledgeInterrupt());
    }

    [Fact]
    public void A_software_disabled_apic_takes_no_fixed_interrupt_and_masks_its_table()
    {
        Bsp.WriteRegister(LvtError, 4, 0x33);
        Bsp.WriteRegister(SpuriousVector, 4, 0xFF);
        SendSelf(0x41);
        Assert.False(Bsp.HasPendingInterrupt);
        Assert.Equal(0x1_0033u, Bsp.ReadRegister(LvtError, 4));
        Bsp.WriteRegister(LvtError, 4, 0x34);
        Assert.Equal(0x1_0034u, Bsp.ReadRegister(LvtError, 4));
    }

    [Theory]
    [InlineData(0x0000_4041u, 2u, new[] { 2 })]
    [InlineData(0x0000_4041u, 0xFFu, new[] { 0, 1, 2, 3 })]
    [InlineData(0x0004_4041u, 0u, new[] { 0 })]
    [InlineData(0x0008_4041u, 0u, new[] { 0, 1, 2, 3 })]
    [InlineData(0x000C_4041u, 0u, new[] { 1, 2, 3 })]
    [InlineData(0x0000_4841u, 0x0Au, new[] { 1, 3 })]
    [InlineData(0x0000_4841u, 0xFFu, new[] { 0, 1, 2, 3 })]
    public void Interprocessor_interrupts_reach_their_destinations(uint command, uint destination, int[] expected)
    {
        for (var i = 0; i < 4; i++)
        {
            _machine.Apics[i].WriteRegister(0xD0, 4, 0x0100_0000u << i);
        }

        SendIpi(command, destination);
        Assert.Equal(expected, Receivers());
    }

    [Theory]
    [InlineData(0x13u, new[] { 0, 1 })]
    [InlineData(0x21u, new[] { 2 })]
    [InlineData(0x23u, new[] { 2, 3 })]
    [InlineData(0x33u, new int[0])]
    public void The_cluster_model_matches_cluster_and_member(uint destination, int[] expected)
    {
        for (var i = 0; i < 4; i++)
        {
            _machine.Apics[i].WriteRegister(0xE0, 4, 0x0FFF_FFFF);
            _machine.Apics[i].WriteRegister(0xD0, 4, (uint)(((i / 2 + 1) << 4) | (1 << (i % 2))) << 24);
        }

        SendIpi(0x4841, destination);
        Assert.Equal(expected, Receivers());
    }

    [Fact]
    public void Startup_of_an_application_processor()
    {
        SendIpi(0x4500, 1);
        SendIpi(0x8500, 1);
        SendIpi(0x469A, 1);
        Assert.Equal(1, _machine.Vcpus[1].Inits);
        Assert.Equal([0x9A], _machine.Vcpus[1].Startups);
        Assert.Equal(0, _machine.Vcpus[0].Inits);
    }

    [Fact]
    public void Nmi_goes_straight_to_the_processor()
    {
        SendIpi(0xC4400, 0);
        Assert.Equal([0, 1, 1, 1], _machine.Vcpus.Select(v => v.Nmis));
    }

    [Fact]
    public void Illegal_vectors_are_errors_that_interrupt_once_latched_on_write()
    {
        Bsp.WriteRegister(LvtError, 4, 0x33);
        SendSelf(0x0F);
        Assert.Equal(0x33, Bsp.AcknowledgeInterrupt());
        Assert.Equal(0u, Bsp.ReadRegister(ErrorStatus, 4));
        Bsp.WriteRegister(ErrorStatus, 4, 0);
        Assert.Equal(0x20u, Bsp.ReadRegister(ErrorStatus, 4));
        _machine.Set.SendMsi(0xFEE0_0000, 0x05);
        Bsp.ReadRegister(0x40, 4);
        Bsp.WriteRegister(ErrorStatus, 4, 0);
        Assert.Equal(0xC0u, Bsp.ReadRegister(ErrorStatus, 4));
    }

    [Fact]
    public void The_8259_reaches_the_bootstrap_processor_through_lint0()
    {
        var pic = new Pic8259Pair(_machine.Set.Lint0);
        _machine.Set.ExternalInterrupts = pic;
        foreach (var value in new[] { 0x11 })
        {
            pic.Master.Out(0, value);
            pic.Master.Out(1, 0x30);
            pic.Master.Out(1, 0x04);
            pic.Master.Out(1, 0x01);
        }

        Bsp.WriteRegister(LvtLint0, 4, 0x700);
        pic.SetPin(1, true);
        Assert.True(Bsp.HasPendingInterrupt);
        Assert.False(_machine.Apics[1].HasPendingInterrupt);
        Assert.True(_machine.Vcpus[0].Interrupts > 0);
        Bsp.TaskPriorityClass = 15;
        Assert.Equal(0x31, Bsp.AcknowledgeInterrupt());
        Assert.False(Bsp.HasPendingInterrupt);
        Assert.Equal(-1, Bsp.AcknowledgeInterrupt());
    }

    [Fact]
    public void With_the_apic_off_lint0_is_the_interrupt_pin_and_lint1_the_nmi()
    {
        Assert.True(Bsp.TryWriteMsr(0x1B, 0xFEE0_0100));
        _machine.Set.Lint0.SetLevel(true);
        _machine.Set.Lint1.Pulse();
        Assert.True(Bsp.HasPendingInterrupt);
        Assert.Equal(1, _machine.Vcpus[0].Nmis);
        SendSelf(0x41);
        _machine.Set.Lint0.SetLevel(false);
        Assert.False(Bsp.HasPendingInterrupt);
    }

    [Fact]
    public void Lint1_as_nmi_and_lint0_as_a_level_interrupt()
    {
        Bsp.WriteRegister(LvtLint1, 4, 0x400);
        _machine.Set.Lint1.Pulse();
        Assert.Equal(1, _machine.Vcpus[0].Nmis);

        Bsp.WriteRegister(LvtLint0, 4, 0x8045);
        _machine.Set.Lint0.SetLevel(true);
        Assert.Equal(0xC045u, Bsp.ReadRegister(LvtLint0, 4));
        Assert.Equal(0x45, Bsp.AcknowledgeInterrupt());
        Bsp.WriteRegister(EndOfInterrupt, 4, 0);
        Assert.Equal(0x45, Bsp.AcknowledgeInterrupt());
        _machine.Set.Lint0.SetLevel(false);
        Bsp.WriteRegister(EndOfInterrupt, 4, 0);
        Assert.Equal(-1, Bsp.AcknowledgeInterrupt());
    }

    [Fact]
    public void Init_resets_all_but_the_base_and_the_id()
    {
        SendSelf(0x41);
        Bsp.TaskPriorityClass = 3;
        Bsp.ResetByInit();
        Assert.Equal((0, 0xFFu), (Bsp.TaskPriorityClass, Bsp.ReadRegister(SpuriousVector, 4)));
        Assert.Equal(-1, Bsp.AcknowledgeInterrupt());
        Assert.Equal(0xFEE0_0900UL, Bsp.ApicBase);
    }

    [Property]
    public void No_register_access_throws((DoNotSize<ushort> Offset, byte Size, DoNotSize<uint> Value)[] steps, DoNotSize<int>[] pauses)
    {
        foreach (var (index, (offsetSeed, size, valueSeed)) in steps.Index())
        {
            var (offset, value) = (offsetSeed.Item, valueSeed.Item);
            var apic = _machine.Apics[index % 4];
            apic.WriteRegister(offset & 0xFF0u, 4, value);
            apic.WriteRegister(offset, 1 << (size % 3), value);
            apic.ReadRegister(offset & 0xFFFu, 1 << (size % 3));
            apic.TryWriteMsr(0x800u + offset % 0x50u, value);
            apic.TryReadMsr(0x800u + offset % 0x50u, out _);
            apic.TryWriteMsr(0x1B, (ulong)size << 8 | 0xFEE0_0000);
            _machine.Set.Lint0.SetLevel((size & 1) != 0);
            _machine.Set.SendMsi(value | 0xFEE0_0000, value);
            Assert.InRange(apic.AcknowledgeInterrupt(), -1, 255);
            _machine.Clock.Advance(Math.Abs((long)(pauses.ElementAtOrDefault(index)?.Item ?? 0)) % 1_000_000);
        }
    }

    private void SendSelf(uint vector) => Bsp.WriteRegister(CommandLow, 4, 0x4_4000 | vector);

    private void SendIpi(uint command, uint destination)
    {
        Bsp.WriteRegister(CommandHigh, 4, destination << 24);
        Bsp.WriteRegister(CommandLow, 4, command);
    }

    private IEnumerable<int> Receivers() => Enumerable.Range(0, 4).Where(i => _machine.Apics[i].AcknowledgeInterrupt() == 0x41);
}
