namespace Vivarium.Bus;

/// <summary>Offsets and bits of the type 0 configuration header and of capabilities (PCI Local Bus 3.0 §6.1, §6.8).</summary>
internal static class PciRegister
{
    public const int VendorId = 0x00;
    public const int DeviceId = 0x02;
    public const int Command = 0x04;
    public const int Status = 0x06;
    public const int RevisionId = 0x08;
    public const int ClassCode = 0x09;
    public const int CacheLineSize = 0x0C;
    public const int LatencyTimer = 0x0D;
    public const int HeaderType = 0x0E;
    public const int BaseAddresses = 0x10;
    public const int BaseAddressesEnd = 0x28;
    public const int SubsystemVendorId = 0x2C;
    public const int SubsystemId = 0x2E;
    public const int CapabilitiesPointer = 0x34;
    public const int InterruptLine = 0x3C;
    public const int InterruptPin = 0x3D;
    public const int HeaderEnd = 0x40;
    public const int SpaceBytes = 0x100;
    public const int ExtendedSpaceBytes = 0x1000;

    public const ushort CommandIo = 1 << 0;
    public const ushort CommandMemory = 1 << 1;
    public const ushort CommandBusMaster = 1 << 2;
    public const ushort CommandParity = 1 << 6;
    public const ushort CommandSystemError = 1 << 8;
    public const ushort CommandInterruptDisable = 1 << 10;

    public const byte StatusInterrupt = 1 << 3;
    public const byte StatusCapabilities = 1 << 4;
    public const byte MultiFunction = 0x80;

    public const byte MsiId = 0x05;
    public const byte MsiXId = 0x11;
}
