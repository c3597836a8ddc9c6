namespace Vivarium.Devices.Tests.Fakes;

internal static class PortDeviceExtensions
{
    /// <summary>Reads a byte that must be there.</summary>
    public static byte In(this IPortDevice device, int offset)
    {
        Assert.Equal(IoResult.Ok, device.ReadPort((ushort)offset, 1, out var value));
        return (byte)value;
    }

    /// <summary>Writes a byte that must be taken.</summary>
    public static void Out(this IPortDevice device, int offset, int value) =>
        Assert.Equal(IoResult.Ok, device.WritePort((ushort)offset, 1, (byte)value));

    /// <summary>Reads 1, 2 or 4 bytes; all ones if the device refuses.</summary>
    public static uint TryIn(this IPortDevice device, int offset, int sizeBytes) =>
        device.ReadPort((ushort)offset, sizeBytes, out var value) == IoResult.Ok ? value : uint.MaxValue;
}
