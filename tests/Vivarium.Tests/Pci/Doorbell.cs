namespace Vivarium.Tests.Pci;

/// <summary>A PCI function: what is written to offset 0 of its region is added up, and signals the message of that number. It can be saved.</summary>
internal sealed class Doorbell(IPciHost host, string stateName = "doorbell") : IPciFunction
{
    public const uint Id = 0xBE11_1234;
    public const int RegionBytes = 0x2000;

    private uint _sum;

    public uint Sum => _sum;

    public PciFunctionDescription Description { get; } = new()
    {
        VendorId = (ushort)(Id & 0xFFFF),
        DeviceId = (ushort)(Id >> 16),
        ClassCode = 0xFF0000,
        InterruptPin = PciInterruptPin.A,
        Bars = [new PciBar(0, PciBarKind.Memory32, RegionBytes), new PciBar(2, PciBarKind.Memory64, 1 << 20, IsPrefetchable: true), new PciBar(4, PciBarKind.Io, 32)],
        MsiX = new PciMsiX(4, 0, 0x1000, 0x1800),
        Capabilities = [new PciCapability(PciCapability.VendorSpecificId, [4, 0])],
    };

    public string StateName => stateName;

    public IoResult ReadBar(int bar, ulong offset, int sizeBytes, out ulong value)
    {
        value = _sum;
        return offset == 0 ? IoResult.Ok : IoResult.NoRegister;
    }

    public IoResult WriteBar(int bar, ulong offset, int sizeBytes, ulong value)
    {
        if (offset != 0)
        {
            return IoResult.NoRegister;
        }

        _sum += (uint)value;
        if (!host.SignalMessage((int)value))
        {
            host.SetInterruptPin(value != 0);
        }

        return IoResult.Ok;
    }

    public void Reset() => _sum = 0;

    public void Save(StateWriter writer) => writer.Write(1, (ulong)_sum);

    public void Restore(StateReader reader) => _sum = reader.ReadUInt32(1);
}
