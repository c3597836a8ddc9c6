using System.Buffers.Binary;
using FsCheck.Xunit;
using Vivarium.Memory;
using Vivarium.Virtio.Tests.Fakes;
using Buffer = Vivarium.Virtio.Tests.Fakes.Buffer;

namespace Vivarium.Virtio.Tests;

/// <summary>The PCI transport, found through its capabilities as a driver finds it.</summary>
public sealed class VirtioPciTests : IDisposable
{
    private const ulong DataGpa = 0x20_0000;

    private readonly GuestMemory _memory = MmioDriver.CreateMemory();
    private readonly ManualEvents _events = new();
    private readonly FakePciHost _host = new();
    private readonly EchoDevice _device;
    private readonly VirtioPci _function;

    public VirtioPciTests()
    {
        _device = new EchoDevice(new VirtioServices(_memory, _events), 16);
        _function = new VirtioPci(_device, _host);
        _device.Start();
    }

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void The_function_is_a_modern_virtio_device()
    {
        var description = _function.Description;
        Assert.Equal((0x1AF4, 0x1040 + 42), (description.VendorId, description.DeviceId));
        Assert.Equal([1, 2, 3, 4, 5], description.Capabilities.Select(each => (int)each.Body.Span[1]));
        Assert.All(description.Capabilities, each => Assert.Equal(each.Body.Length + 2, each.Body.Span[0]));
        var regions = description.Capabilities.Take(4).Select(each => (Offset: U32(each, 6), End: U32(each, 6) + U32(each, 10))).ToList();
        Assert.All(regions, region => Assert.InRange(region.End, 1u, description.MsiX!.TableOffset));
        Assert.Equal(regions.Count, regions.Select(region => region.Offset / 0x1000).Distinct().Count());
        Assert.InRange(description.MsiX!.PendingOffset + description.MsiX.PendingSizeBytes, 1u, (uint)description.Bars[0].SizeBytes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Requests_go_round(bool messages)
    {
        _host.IsMsiXEnabled = messages;
        var queue = Begin();
        var token = queue.Add([new Buffer(DataGpa, 16, IsWritable: true)]);
        Notify();
        Assert.Equal((token, 16u), queue.TakeUsed());
        if (messages)
        {
            Assert.Equal([1], _host.Messages);
            Assert.False(_host.Pin);
        }
        else
        {
            Assert.True(_host.Pin);
            Assert.Equal(1u, ReadBar(Offset(3), 1));
            Assert.False(_host.Pin);
            Assert.Equal(0u, ReadBar(Offset(3), 1));
        }
    }

    [Fact]
    public void A_configuration_change_has_a_vector_and_a_generation()
    {
        _host.IsMsiXEnabled = true;
        Begin();
        var generation = ReadBar(Offset(1) + 0x15, 1);
        _device.Announce(77);
        Assert.Equal([0], _host.Messages);
        Assert.Equal(77u, ReadBar(Offset(4), 1));
        Assert.NotEqual(generation, ReadBar(Offset(1) + 0x15, 1));
    }

    [Fact]
    public void Without_bus_mastering_the_ring_is_left_alone_and_worked_on_afterwards()
    {
        var queue = Begin();
        _host.IsBusMaster = false;
        queue.Add([new Buffer(DataGpa, 16, IsWritable: true)]);
        Notify();
        _events.RunAll();
        Assert.Null(queue.TakeUsed());
        _host.IsBusMaster = true;
        _function.BusMasterChanged(true);
        Assert.NotNull(queue.TakeUsed());
    }

    [Fact]
    public void A_vector_that_there_is_not_reads_as_none()
    {
        WriteBar(Offset(1) + 0x10, 2, 9);
        Assert.Equal(0xFFFFu, ReadBar(Offset(1) + 0x10, 2));
        WriteBar(Offset(1) + 0x1A, 2, 1);
        Assert.Equal(1u, ReadBar(Offset(1) + 0x1A, 2));
        WriteBar(Offset(1) + 0x16, 2, 5);
        Assert.Equal(0xFFFFu, ReadBar(Offset(1) + 0x1A, 2));
        Assert.Equal(0u, ReadBar(Offset(1) + 0x18, 2));
    }

    [Fact]
    public void Features_without_version_1_are_not_agreed_on()
    {
        WriteBar(Offset(1) + 0x14, 1, 3);
        WriteBar(Offset(1) + 0x14, 1, 11);
        Assert.Equal(3u, ReadBar(Offset(1) + 0x14, 1));
        WriteBar(Offset(1) + 0x14, 1, 15);
        Assert.Equal(3u, ReadBar(Offset(1) + 0x14, 1));
    }

    [Fact]
    public void The_window_reads_and_writes_what_the_base_address_does()
    {
        var window = _function.Description.Capabilities[4];
        var registers = window.Body.ToArray();
        Select(0x14, 1);
        registers[14] = 3;
        window.Access!.Written(registers, 14, 1);
        Assert.Equal((VirtioStatus)3, _device.Status);
        Select(0x12, 2);
        window.Access.Reading(registers, 14, 2);
        Assert.Equal(1, BinaryPrimitives.ReadUInt16LittleEndian(registers.AsSpan(14)));

        void Select(uint offset, uint length)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(registers.AsSpan(6), Offset(1) + offset);
            BinaryPrimitives.WriteUInt32LittleEndian(registers.AsSpan(10), length);
        }
    }

    [Fact]
    public void State_goes_to_another_function()
    {
        _host.IsMsiXEnabled = true;
        var queue = Begin();
        StateWriter device = new(), function = new();
        _device.Save(device);
        _function.Save(function);

        var host = new FakePciHost { IsMsiXEnabled = true };
        var otherDevice = new EchoDevice(new VirtioServices(_memory, _events), 16);
        var other = new VirtioPci(otherDevice, host);
        otherDevice.Restore(new StateReader("echo", 1, device.WrittenMemory));
        other.Restore(new StateReader("echo-pci", 1, function.WrittenMemory));
        queue.Add([new Buffer(DataGpa, 16, IsWritable: true)]);
        otherDevice.Start();
        Assert.NotNull(queue.TakeUsed());
        Assert.Equal([1], host.Messages);
    }

    [Property(MaxTest = 200)]
    public void Random_accesses_do_no_harm((FsCheck.DoNotSize<ushort> Offset, byte Size, FsCheck.DoNotSize<ulong> Value, bool IsWrite)[] accesses)
    {
        var window = _function.Description.Capabilities[4];
        var registers = window.Body.ToArray();
        foreach (var access in accesses)
        {
            var size = 1 << (access.Size % 4);
            var offset = (ulong)Math.Min(access.Offset.Item % 0x4000, 0x4000 - size);
            var value = size == 8 ? access.Value.Item : access.Value.Item & ((1UL << (8 * size)) - 1);
            if (access.IsWrite)
            {
                // Mostly the registers that matter.
                _function.WriteBar(0, access.Value.Item % 2 == 0 ? offset % 0x40 : offset, size, value);
            }
            else
            {
                _function.ReadBar(0, offset, size, out _);
            }

            BinaryPrimitives.WriteUInt64LittleEndian(registers.AsSpan(6), access.Value.Item);
            window.Access!.Written(registers, 14, 4);
            window.Access.Reading(registers, 14, 4);
        }
    }

    private DriverQueue Begin()
    {
        var common = Offset(1);
        WriteBar(common + 0x14, 1, 0);
        WriteBar(common + 0x14, 1, 3);
        WriteBar(common + 0x08, 4, 1);
        WriteBar(common + 0x0C, 4, 1);
        WriteBar(common + 0x14, 1, 11);
        Assert.Equal(11u, ReadBar(common + 0x14, 1));
        WriteBar(common + 0x10, 2, 0);
        WriteBar(common + 0x16, 2, 0);
        var queue = DriverQueue.Create(_memory, 0x10_0000, 16, packed: false, indirect: false, eventIndex: false);
        Assert.Equal(16u, ReadBar(common + 0x18, 2));
        WriteBar(common + 0x1A, 2, 1);
        WriteBar(common + 0x20, 8, queue.DescriptorGpa);
        WriteBar(common + 0x28, 4, queue.DriverGpa);
        WriteBar(common + 0x30, 4, queue.DeviceGpa);
        WriteBar(common + 0x1C, 2, 1);
        WriteBar(common + 0x14, 1, 15);
        return queue;
    }

    private void Notify() => WriteBar(Offset(2) + (ReadBar(Offset(1) + 0x1E, 2) * U32(_function.Description.Capabilities[1], 14)), 2, 0);

    private uint Offset(int type) => U32(_function.Description.Capabilities.Single(each => each.Body.Span[1] == type), 6);

    private uint ReadBar(uint offset, int size)
    {
        Assert.Equal(IoResult.Ok, _function.ReadBar(0, offset, size, out var value));
        return (uint)value;
    }

    private void WriteBar(uint offset, int size, ulong value) => Assert.Equal(IoResult.Ok, _function.WriteBar(0, offset, size, value));

    private static uint U32(PciCapability capability, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(capability.Body.Span[offset..]);
}
