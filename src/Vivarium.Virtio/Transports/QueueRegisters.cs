namespace Vivarium.Virtio;

/// <summary>Writes to a queue's registers, the same in every transport.</summary>
internal static class QueueRegisters
{
    public static readonly Action<Virtqueue, ulong> SetSize = (queue, value) => queue.Size = (int)Math.Min(value, int.MaxValue);
    public static readonly Action<Virtqueue, ulong> SetDescriptorLow = (queue, value) => queue.DescriptorGpa = Low(queue.DescriptorGpa, value);
    public static readonly Action<Virtqueue, ulong> SetDescriptorHigh = (queue, value) => queue.DescriptorGpa = High(queue.DescriptorGpa, value);
    public static readonly Action<Virtqueue, ulong> SetDriverLow = (queue, value) => queue.DriverGpa = Low(queue.DriverGpa, value);
    public static readonly Action<Virtqueue, ulong> SetDriverHigh = (queue, value) => queue.DriverGpa = High(queue.DriverGpa, value);
    public static readonly Action<Virtqueue, ulong> SetDeviceLow = (queue, value) => queue.DeviceGpa = Low(queue.DeviceGpa, value);
    public static readonly Action<Virtqueue, ulong> SetDeviceHigh = (queue, value) => queue.DeviceGpa = High(queue.DeviceGpa, value);

    private static ulong Low(ulong address, ulong value) => (address & 0xFFFF_FFFF_0000_0000) | (uint)value;

    private static ulong High(ulong address, ulong value) => (uint)address | (value << 32);
}
