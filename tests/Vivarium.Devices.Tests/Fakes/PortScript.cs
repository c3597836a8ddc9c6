namespace Vivarium.Devices.Tests.Fakes;

/// <summary>
/// A random program of port accesses and pauses, made from an array of integers that FsCheck chooses and shrinks. It says which
/// answers it got, so that two devices can be compared.
/// </summary>
internal static class PortScript
{
    /// <summary>Runs the steps and returns every value read. Accesses go through the sizes a bus would try.</summary>
    public static List<uint> Run(IEnumerable<int> steps, FakeClock clock, params IPortDevice[] devices)
    {
        var answers = new List<uint>();
        foreach (var (index, step) in steps.Index())
        {
            // FsCheck prefers small numbers: the index makes equal ones differ.
            var bits = (uint)HashCode(step, index);
            var device = devices[(bits >> 4) % (uint)devices.Length];
            var offset = (ushort)(((bits >> 8) & 0x1F) >> (int)((bits >> 20) & 7));
            var sizeBytes = (bits >> 13 & 7) switch { 0 => 2, 1 => 4, _ => 1 };
            switch (bits & 0xF)
            {
                case < 6:
                    answers.Add((uint)device.ReadPort(offset, sizeBytes, out var value));
                    answers.Add(value);
                    break;
                case < 13:
                    answers.Add((uint)device.WritePort(offset, sizeBytes, (bits >> 16) & (uint.MaxValue >> (32 - 8 * sizeBytes))));
                    break;
                case < 15:
                    clock.Advance(bits >> 12);
                    break;
                default:
                    clock.Jump((long)(bits >> 8) << 10);
                    break;
            }
        }

        return answers;
    }

    private static ulong HashCode(int step, int index)
    {
        var mixed = (((ulong)(uint)index << 32) + (uint)step + 1) * 0x9E3779B97F4A7C15;
        return mixed >> 29;
    }

    /// <summary>
    /// Runs <paramref name="before"/> on a device, copies its state into a fresh one at the same time, and compares what both answer
    /// to <paramref name="after"/>, and their states and lines at the end.
    /// </summary>
    public static void AssertStateRoundTrip(
        int[] before, int[] after, Func<FakeClock, RecordingIrqLine, (IStateUnit Unit, IPortDevice[] Ports)> create)
    {
        var clock = new FakeClock();
        var irq = new RecordingIrqLine();
        var (unit, ports) = create(clock, irq);
        Run(before, clock, ports);

        var otherClock = new FakeClock(clock.NowNs);
        var otherIrq = new RecordingIrqLine();
        var (otherUnit, otherPorts) = create(otherClock, otherIrq);
        unit.CopyStateTo(otherUnit);
        Assert.Equal(irq.Level, otherIrq.Level);
        Assert.Equal(unit.SaveToArray(), otherUnit.SaveToArray());

        var risesBefore = irq.Rises - otherIrq.Rises;
        Assert.Equal(Run(after, clock, ports), Run(after, otherClock, otherPorts));
        Assert.Equal(unit.SaveToArray(), otherUnit.SaveToArray());
        Assert.Equal((irq.Level, irq.Rises - risesBefore), (otherIrq.Level, otherIrq.Rises));
    }
}
