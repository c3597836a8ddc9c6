using Vivarium.Memory;

namespace Vivarium.Virtio.Tests.Fakes;

/// <summary>A driver that finds its device behind MMIO registers.</summary>
internal sealed class MmioDriver
{
    public const ulong RamBytes = 4 << 20;
    private const ulong QueuesGpa = 0x10_0000;
    private const ulong QueueBytes = 0x4_0000;

    public MmioDriver(GuestMemory memory, ManualEvents events, VirtioDevice device)
    {
        Memory = memory;
        Events = events;
        Device = device;
        Registers = new VirtioMmio(device, Line);
        device.Start();
    }

    public GuestMemory Memory { get; }

    public ManualEvents Events { get; }

    public VirtioDevice Device { get; }

    public VirtioMmio Registers { get; }

    public Line Line { get; } = new();

    public static GuestMemory CreateMemory()
    {
        var memory = new GuestMemory();
        memory.AddRam(0, RamBytes);
        return memory;
    }

    public uint Read(ulong offset)
    {
        Assert.Equal(IoResult.Ok, Registers.ReadMmio(offset, 4, out var value));
        return (uint)value;
    }

    public void Write(ulong offset, uint value) => Assert.Equal(IoResult.Ok, Registers.WriteMmio(offset, 4, value));

    public bool Negotiate(ulong features)
    {
        Write(0x070, 0);
        Assert.Equal(0u, Read(0x070));
        Write(0x070, 1);
        Write(0x070, 3);
        for (var i = 0u; i < 2; i++)
        {
            Write(0x024, i);
            Write(0x020, (uint)(features >> (int)(32 * i)));
        }

        Write(0x070, 11);
        return (Read(0x070) & 8) != 0;
    }

    /// <summary>Lays out every queue and says that the driver is ready.</summary>
    public DriverQueue[] Begin(ulong features = 0, int size = 0, bool packed = false, bool indirect = false, bool eventIndex = false)
    {
        features |= VirtioFeatures.Version1 | (packed ? VirtioFeatures.PackedRing : 0) | (indirect ? VirtioFeatures.IndirectDescriptors : 0)
            | (eventIndex ? VirtioFeatures.EventIndex : 0);
        Assert.True(Negotiate(features));
        var queues = new DriverQueue[Device.Queues.Count];
        for (var i = 0; i < queues.Length; i++)
        {
            Write(0x030, (uint)i);
            var maximum = Read(0x034);
            queues[i] = DriverQueue.Create(Memory, QueuesGpa + ((ulong)i * QueueBytes), size == 0 ? (int)maximum : size, packed, indirect, eventIndex);
            Enable(queues[i]);
        }

        Write(0x070, 15);
        return queues;
    }

    public void Enable(DriverQueue queue)
    {
        Write(0x038, (uint)queue.Size);
        Write(0x080, (uint)queue.DescriptorGpa);
        Write(0x084, 0);
        Write(0x090, (uint)queue.DriverGpa);
        Write(0x094, 0);
        Write(0x0A0, (uint)queue.DeviceGpa);
        Write(0x0A4, 0);
        Write(0x044, 1);
    }

    public void Kick(int queue = 0) => Write(0x050, (uint)queue);

    /// <summary>Reads and acknowledges the interrupt's reasons.</summary>
    public uint TakeInterrupt()
    {
        var reasons = Read(0x060);
        Write(0x064, reasons);
        return reasons;
    }
}
