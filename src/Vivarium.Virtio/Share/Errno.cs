namespace Vivarium.Virtio;

/// <summary>Linux's error numbers, which 9P2000.L carries as they are.</summary>
internal static class Errno
{
    public const int None = 0;
    public const int NotPermitted = 1;
    public const int NoEntry = 2;
    public const int InputOutput = 5;
    public const int BadFile = 9;
    public const int Access = 13;
    public const int Exists = 17;
    public const int NotFolder = 20;
    public const int IsFolder = 21;
    public const int Invalid = 22;
    public const int TooManyFiles = 23;
    public const int ReadOnly = 30;
    public const int Range = 34;
    public const int NameTooLong = 36;
    public const int Loop = 40;
    public const int MessageTooLong = 90;
    public const int NotSupported = 95;
    public const int Stale = 116;
}
