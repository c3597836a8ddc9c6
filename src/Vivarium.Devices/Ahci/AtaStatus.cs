namespace Vivarium.Devices;

/// <summary>Bits of the ATA status and error registers (ACS-3 §6).</summary>
internal static class AtaStatus
{
    public const byte Error = 0x01;
    public const byte DataRequest = 0x08;
    public const byte SeekComplete = 0x10;
    public const byte Ready = 0x40;
    public const byte Busy = 0x80;

    public const byte Ok = Ready | SeekComplete;
    public const byte Failed = Ok | Error;

    public const byte ErrorAborted = 0x04;
    public const byte ErrorNotFound = 0x10;
    public const byte ErrorUncorrectable = 0x40;
}
