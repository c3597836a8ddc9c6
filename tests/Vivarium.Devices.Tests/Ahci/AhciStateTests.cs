using FsCheck;
using FsCheck.Xunit;
using Vivarium.Devices.Tests.Fakes;

namespace Vivarium.Devices.Tests.Ahci;

/// <summary>Snapshots that were altered, and guests that rewrite what the controller begins again after a pause.</summary>
public sealed class AhciStateTests
{
    private const int TagAndLengthBytes = 6;
    private readonly FakeDisk _disk = new(1 << 20);

    [Fact]
    public void A_queued_command_that_became_a_control_FIS_while_the_machine_paused_is_forgotten()
    {
        var driver = new AhciDriver(new AhciDisk(_disk));
        driver.Initialize();
        _disk.Holds = true;
        driver.IssueQueued(3, isWrite: false, 0, 1, [(AhciDriver.Data, 512)]);
        driver.Controller.Stop();
        driver.Memory.Bytes[(int)AhciDriver.Tables + (3 * 0x400) + 1] = 0;
        _disk.Holds = false;
        driver.Controller.Start();
        Assert.Equal(0u, driver.Issued);

        // And the port goes on.
        Assert.Equal(0x50, driver.Run(0xEC, 0, 0, [(AhciDriver.Data, 512)]));
    }

    [Property(MaxTest = 400)]
    public void An_altered_state_is_refused_or_works(
        bool isCd, (DoNotSize<ushort> Position, byte Value)[] changes, (DoNotSize<ushort> Position, byte Value)[] memory, (ushort Offset, uint Value)[] writes)
    {
        var driver = Create(isCd, new FakeMemory());
        driver.Initialize();
        _disk.Holds = true;
        for (var slot = 0; slot < 4; slot++)
        {
            driver.Prepare(slot, isCd ? (byte)0xA0 : (byte)0x60, slot, slot << 3, [(AhciDriver.Data, 2048)], features: 1, packet: isCd ? [0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0] : null);
        }

        driver.WritePort(0x34, isCd ? 0u : 0xF);
        driver.WritePort(0x38, 0xF);
        driver.Controller.Stop();
        var state = driver.Controller.SaveToArray();
        Alter(state, changes);
        foreach (var (position, value) in memory)
        {
            // The command list and the tables.
            driver.Memory.Bytes[(int)(position.Item < 0x400 ? AhciDriver.List : AhciDriver.Tables) + (position.Item % 0x1000)] = value;
        }

        _disk.Holds = false;
        var other = Create(isCd, driver.Memory);
        other.Controller.Stop();
        try
        {
            other.Controller.Restore(new StateReader("ahci0", 1, state));
        }
        catch (StateFormatException)
        {
            return;
        }

        other.Controller.Start();
        foreach (var (offset, value) in writes)
        {
            other.Controller.WriteBar(5, (ulong)(offset % 0x1000) & ~3UL, 4, value);
        }

        other.Events.RunAll();
        other.Controller.Stop();
        other.Controller.CopyStateTo(other.Controller);
        other.Controller.Start();
    }

    private AhciDriver Create(bool isCd, FakeMemory memory) => new(isCd ? new AhciCdDrive(_disk) : new AhciDisk(_disk), memory: memory);

    /// <summary>Changes bytes of the values, not of the tags and lengths, which the reader checks.</summary>
    private static void Alter(byte[] fields, (DoNotSize<ushort> Position, byte Value)[] changes)
    {
        var values = new List<int>();
        for (var at = 0; at < fields.Length;)
        {
            var length = BitConverter.ToInt32(fields, at + 2);
            values.AddRange(Enumerable.Range(at + TagAndLengthBytes, length));
            at += TagAndLengthBytes + length;
        }

        foreach (var (position, value) in changes)
        {
            fields[values[position.Item % values.Count]] = value;
        }
    }
}
