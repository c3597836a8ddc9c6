using FsCheck;
using FsCheck.Xunit;
using Vivarium.Devices.Tests.Apic;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests;

/// <summary>
/// An altered snapshot is refused with a sentence, or gives a device that works: never a crash, a hang or a storm of timers.
/// </summary>
public sealed class HostileStateTests
{
    private const long OneSecondNs = 1_000_000_000;
    private const long MostTimersInASecond = 60_000;

    [Property(MaxTest = 400)]
    public void Altered_states_are_refused_or_work(int[] before, (DoNotSize<ushort> Position, byte Value)[] changes, int[] after)
    {
        foreach (var create in Devices())
        {
            var clock = new FakeClock();
            var (unit, ports) = create(clock);
            PortScript.Run(before, clock, ports);
            var fields = unit.SaveToArray();
            Alter(fields, changes);

            var otherClock = new FakeClock(clock.NowNs);
            var (other, otherPorts) = create(otherClock);
            try
            {
                other.Restore(new StateReader(other.StateName, 1, fields));
            }
            catch (StateFormatException)
            {
                continue;
            }

            otherClock.Advance(OneSecondNs);
            Assert.InRange(otherClock.FiredCount, 0, MostTimersInASecond);
            PortScript.Run(after, otherClock, otherPorts);
            other.SaveToArray();
        }
    }

    private static IEnumerable<Func<FakeClock, (IStateUnit Unit, IPortDevice[] Ports)>> Devices()
    {
        var power = new FakePower();
        yield return clock => Single(new Uart16550("uart0", new RecordingIrqLine(), new CollectingSink(), clock));
        yield return clock => Single(new RtcMc146818(new RecordingIrqLine(), clock));
        yield return _ =>
        {
            var device = new PcTestDevice(Enumerable.Range(0, PcTestDevice.LineCount).Select(_ => new RecordingIrqLine()));
            return (device, [device.Latch, device.Flush, device.Lines]);
        };
        yield return clock => Single(new AcpiPowerManagement(new RecordingIrqLine(), clock, power));
        yield return clock => Single(new SystemControlPortA(power, power));
        yield return clock => Single(new ResetControlRegister(power));
        yield return clock =>
        {
            var pit = new Pit8254(new RecordingIrqLine(), clock);
            return (pit, [pit, pit.PortB]);
        };
        yield return clock =>
        {
            var pic = new Pic8259Pair(new RecordingIrqLine());
            return (pic, [pic.Master, pic.Slave, pic.EdgeLevelPorts]);
        };
        yield return clock =>
        {
            var controller = new I8042(new RecordingIrqLine(), new RecordingIrqLine(), power, power);
            controller.TrySendScanCodes([0x1C, 0xF0, 0x1C]);
            return (controller, [controller.DataPort, controller.CommandPort]);
        };
        yield return clock =>
        {
            var fwCfg = new FwCfg(new FakeMemory());
            return (fwCfg, [fwCfg, fwCfg.DmaPorts]);
        };
        yield return clock =>
        {
            var apic = new ApicMachine(1, clock).Enable().Apics[0];
            return (apic, [new ApicPage(apic)]);
        };
        yield return clock =>
        {
            var ioApic = new ApicMachine(1, clock).Enable().IoApic;
            return (ioApic, [new IoApicPage(ioApic)]);
        };
        yield return clock =>
        {
            var lines = Enumerable.Range(0, Hpet.PinCount).Select(_ => new RecordingIrqLine()).ToArray();
            var hpet = new Hpet(lines, clock, new ApicMachine(1, clock).Set);
            return (hpet, [new HpetPage(hpet)]);
        };
        yield return clock =>
        {
            var kvm = new KvmParavirt(0, new FakeMemory(), clock, new FakeVcpu(clock), _ => { });
            return (kvm, [new KvmMsrs(kvm)]);
        };
    }

    private static (IStateUnit Unit, IPortDevice[] Ports) Single<TDevice>(TDevice device)
        where TDevice : IStateUnit, IPortDevice => (device, [device]);

    /// <summary>Changes bytes of the values, not of the tags and lengths, which the reader checks.</summary>
    private static void Alter(byte[] fields, (DoNotSize<ushort> Position, byte Value)[] changes)
    {
        var values = new List<int>();
        for (var at = 0; at < fields.Length;)
        {
            var length = BitConverter.ToInt32(fields, at + 2);
            values.AddRange(Enumerable.Range(at + 6, length));
            at += 6 + length;
        }

        foreach (var (position, value) in changes)
        {
            fields[values[position.Item % values.Count]] = value;
        }
    }

    private sealed class ApicPage(LocalApic apic) : IPortDevice
    {
        public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
        {
            value = apic.ReadRegister((uint)(offset % 0x40) << 4, 4) + (uint)apic.AcknowledgeInterrupt();
            return IoResult.Ok;
        }

        public IoResult WritePort(ushort offset, int sizeBytes, uint value)
        {
            apic.WriteRegister((uint)(offset + 0x20) << 4, 4, value);
            apic.TryWriteMsr(0x6E0, value);
            return IoResult.Ok;
        }
    }

    private sealed class IoApicPage(IoApic ioApic) : IPortDevice
    {
        public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
        {
            var result = ioApic.ReadMmio(0x10, 4, out var wide);
            value = (uint)wide;
            ioApic.SetPin(offset % 24, sizeBytes == 1);
            return result;
        }

        public IoResult WritePort(ushort offset, int sizeBytes, uint value)
        {
            ioApic.WriteMmio(0, 4, (ulong)(offset + 0x10));
            return ioApic.WriteMmio(0x10, 4, value);
        }
    }

    private sealed class HpetPage(Hpet hpet) : IPortDevice
    {
        public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
        {
            var result = hpet.ReadMmio((ulong)offset * 8 + 0xF0, 8, out var wide);
            value = (uint)wide;
            return result;
        }

        public IoResult WritePort(ushort offset, int sizeBytes, uint value) => hpet.WriteMmio((ulong)offset * 8 + 0xF0, 8, value);
    }

    private sealed class KvmMsrs(KvmParavirt kvm) : IPortDevice
    {
        public IoResult ReadPort(ushort offset, int sizeBytes, out uint value)
        {
            kvm.TryReadMsr(0x4B564D00u + offset % 4u, out var wide);
            value = (uint)wide;
            kvm.Start();
            return IoResult.Ok;
        }

        public IoResult WritePort(ushort offset, int sizeBytes, uint value)
        {
            kvm.TryWriteMsr(0x4B564D00u + offset % 4u, value);
            kvm.UpdateSteal(value);
            return IoResult.Ok;
        }
    }
}
