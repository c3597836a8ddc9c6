using Vivarium.Devices;

namespace Vivarium;

/// <summary>Adds what test images of other projects ask for.</summary>
public static class TestDeviceBuilderExtensions
{
    /// <summary>Adds the device that such images drive interrupt lines with and use as memory of a device: <see cref="PcTestDevice"/>.</summary>
    /// <param name="builder">The machine's builder.</param>
    public static VirtualMachineBuilder AddPcTestDevice(this VirtualMachineBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.WithDevice(context =>
        {
            var device = new PcTestDevice(Enumerable.Range(0, PcTestDevice.LineCount).Select(context.ConnectIrq));
            context.MapPorts(PcTestDevice.LatchPort, 4, device.Latch, device.StateName);
            context.MapPorts(PcTestDevice.FlushPort, 4, device.Flush, device.StateName);
            context.MapPorts(PcTestDevice.LatchAliasPort, 1, device.Latch, device.StateName);
            context.MapPorts(PcTestDevice.LinePort, PcTestDevice.LineCount, device.Lines, device.StateName);
            context.MapMmio(PcTestDevice.MemoryGpa, PcTestDevice.MemoryBytes, device, device.StateName);
            context.AddStateUnit(device);
        });
    }
}
