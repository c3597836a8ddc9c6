using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Apic;

/// <summary>A few local APICs with an IOAPIC, without a machine around them.</summary>
internal sealed class ApicMachine
{
    public ApicMachine(int processors = 2, FakeClock? clock = null, uint firstId = 0)
    {
        Clock = clock ?? new FakeClock();
        Set = new LocalApicSet(new Lock());
        IoApic = new IoApic(Set);
        Set.AddEoiListener(IoApic);
        Apics = new LocalApic[processors];
        Vcpus = new FakeVcpu[processors];
        for (var i = 0; i < processors; i++)
        {
            Vcpus[i] = new FakeVcpu(Clock);
            Apics[i] = new LocalApic(firstId + (uint)i, i == 0, Set, Clock);
            Apics[i].Connect(Vcpus[i], Vcpus[i]);
        }
    }

    public FakeClock Clock { get; }

    public LocalApicSet Set { get; }

    public IoApic IoApic { get; }

    public LocalApic[] Apics { get; }

    public FakeVcpu[] Vcpus { get; }

    /// <summary>Software-enables every APIC.</summary>
    public ApicMachine Enable()
    {
        foreach (var apic in Apics)
        {
            apic.WriteRegister(0xF0, 4, 0x1FF);
        }

        return this;
    }

    /// <summary>Switches every APIC to x2APIC mode and software-enables it.</summary>
    public ApicMachine EnableX2Apic()
    {
        foreach (var apic in Apics)
        {
            Assert.True(apic.TryWriteMsr(0x1B, apic.ApicBase | 0xC00));
            Assert.True(apic.TryWriteMsr(0x80F, 0x1FF));
        }

        return this;
    }

    /// <summary>Writes a 64-bit redirection entry.</summary>
    public void WriteEntry(int pin, ulong entry)
    {
        Write(0x11 + 2 * pin, (uint)(entry >> 32));
        Write(0x10 + 2 * pin, (uint)entry);
    }

    public ulong ReadEntry(int pin) => Read(0x10 + 2 * pin) | ((ulong)Read(0x11 + 2 * pin) << 32);

    public void Write(int register, uint value)
    {
        Assert.Equal(IoResult.Ok, IoApic.WriteMmio(0, 4, (ulong)register));
        Assert.Equal(IoResult.Ok, IoApic.WriteMmio(0x10, 4, value));
    }

    public uint Read(int register)
    {
        Assert.Equal(IoResult.Ok, IoApic.WriteMmio(0, 4, (ulong)register));
        Assert.Equal(IoResult.Ok, IoApic.ReadMmio(0x10, 4, out var value));
        return (uint)value;
    }
}
