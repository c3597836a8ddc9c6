namespace Vivarium.Virtio;

/// <summary>Numbers of the network device (Virtio 1.2 §5.1).</summary>
internal static class NetBits
{
    public const ulong Checksum = 1UL << 0;
    public const ulong GuestChecksum = 1UL << 1;
    public const ulong GuestOffloads = 1UL << 2;
    public const ulong Mtu = 1UL << 3;
    public const ulong Mac = 1UL << 5;
    public const ulong GuestTso4 = 1UL << 7;
    public const ulong GuestTso6 = 1UL << 8;
    public const ulong GuestEcn = 1UL << 9;
    public const ulong HostTso4 = 1UL << 11;
    public const ulong HostTso6 = 1UL << 12;
    public const ulong HostEcn = 1UL << 13;
    public const ulong MergeableBuffers = 1UL << 15;
    public const ulong Status = 1UL << 16;
    public const ulong ControlQueue = 1UL << 17;
    public const ulong ControlReceive = 1UL << 18;
    public const ulong ControlVlan = 1UL << 19;
    public const ulong ControlReceiveExtra = 1UL << 20;
    public const ulong GuestAnnounce = 1UL << 21;
    public const ulong MultiQueue = 1UL << 22;
    public const ulong ControlMac = 1UL << 23;
    public const ulong GuestUso4 = 1UL << 54;
    public const ulong GuestUso6 = 1UL << 55;
    public const ulong HostUso = 1UL << 56;
    public const ulong SpeedDuplex = 1UL << 63;

    /// <summary>The bits that the driver can switch off and on again while it runs (§5.1.6.5.6.1).</summary>
    public const ulong SwitchableOffloads = GuestChecksum | GuestTso4 | GuestTso6 | GuestEcn | GuestUso4 | GuestUso6;

    public const ulong All = Checksum | GuestChecksum | GuestOffloads | Mtu | Mac | GuestTso4 | GuestTso6 | GuestEcn | HostTso4 | HostTso6 | HostEcn
        | MergeableBuffers | Status | ControlQueue | ControlReceive | ControlVlan | ControlReceiveExtra | GuestAnnounce | ControlMac | GuestUso4 | GuestUso6
        | HostUso | SpeedDuplex;

    public const int StatusOffset = 6;
    public const int PairsOffset = 8;
    public const int MtuOffset = 10;
    public const int SpeedOffset = 12;
    public const int DuplexOffset = 16;
    public const int ConfigurationBytes = 20;
    public const byte LinkUp = 1;
    public const byte Announce = 2;

    public const byte Ok = 0;
    public const byte Error = 1;
}

/// <summary>What a command is about.</summary>
internal enum NetCommandClass : byte
{
    Receive = 0,
    Mac = 1,
    Vlan = 2,
    Announce = 3,
    MultiQueue = 4,
    GuestOffloads = 5,
}
