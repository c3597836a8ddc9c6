using System.Buffers.Binary;

namespace Vivarium;

/// <summary>
/// A bzImage and its setup header (Linux kernel documentation, "The Linux/x86 Boot Protocol"). Version 2.12 and later, that is Linux 3.8
/// and later, with a protected-mode part that is loaded high.
/// </summary>
internal sealed class LinuxKernelImage
{
    internal const int HeaderOffset = 0x1F1;
    private const int MinimumVersion = 0x20C;
    private const int SectorBytes = 512;
    private const int HeaderLimit = 0x290;
    private const int SizeUnitBytes = 16;

    private readonly ReadOnlyMemory<byte> _file;

    /// <summary>Checks a bzImage.</summary>
    /// <exception cref="GuestImageException">It is not one, is cut off, or is too old.</exception>
    public LinuxKernelImage(ReadOnlyMemory<byte> file)
    {
        _file = file;
        var bytes = file.Span;
        if (bytes.Length < HeaderLimit || BinaryPrimitives.ReadUInt16LittleEndian(bytes[0x1FE..]) != 0xAA55 || !bytes.Slice(0x202, 4).SequenceEqual("HdrS"u8))
        {
            throw new GuestImageException("The kernel is not a Linux bzImage: it has no boot signature and setup header. Give a file like /boot/vmlinuz.");
        }

        ProtocolVersion = BinaryPrimitives.ReadUInt16LittleEndian(bytes[0x206..]);
        if (ProtocolVersion < MinimumVersion)
        {
            throw new GuestImageException(
                $"The kernel speaks boot protocol {ProtocolVersion >> 8}.{ProtocolVersion & 0xFF:D2}; 2.12 (Linux 3.8) or later is needed.");
        }

        if ((bytes[0x211] & 1) == 0)
        {
            throw new GuestImageException("The kernel is a zImage that loads below 1 MiB; a bzImage is needed.");
        }

        var setupBytes = ((bytes[HeaderOffset] == 0 ? 4 : bytes[HeaderOffset]) + 1) * SectorBytes;
        var systemBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes[0x1F4..]) * (ulong)SizeUnitBytes;

        // The header counts in units, and a file may end within its last one, as memtest86+ does.
        if (systemBytes < 0x400 || (ulong)setupBytes + systemBytes >= (ulong)bytes.Length + SizeUnitBytes)
        {
            throw new GuestImageException(
                $"The kernel is cut off: its header announces {(ulong)setupBytes + systemBytes:N0} bytes and the file has {bytes.Length:N0}.");
        }

        System = file.Slice(setupBytes, (int)Math.Min(systemBytes, (ulong)(file.Length - setupBytes)));
        SetupHeader = file[HeaderOffset..Math.Min(0x202 + bytes[0x201], HeaderLimit)];
        Has64BitEntry = (BinaryPrimitives.ReadUInt16LittleEndian(bytes[0x236..]) & 1) != 0;
        IsRelocatable = bytes[0x234] != 0;
        Alignment = BinaryPrimitives.ReadUInt32LittleEndian(bytes[0x230..]);
        PreferredGpa = BinaryPrimitives.ReadUInt64LittleEndian(bytes[0x258..]);
        InitialBytes = Math.Max(BinaryPrimitives.ReadUInt32LittleEndian(bytes[0x260..]), systemBytes);
        MaximumCommandLineLength = (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(bytes[0x238..]), int.MaxValue);
        MaximumInitrdGpa = BinaryPrimitives.ReadUInt32LittleEndian(bytes[0x22C..]);
        ReleaseText = FindReleaseText();
    }

    /// <summary>The boot protocol's version, such as 0x20F for 2.15.</summary>
    public int ProtocolVersion { get; }

    /// <summary>Whether it is a 64-bit kernel with an entry for 64-bit mode.</summary>
    public bool Has64BitEntry { get; }

    /// <summary>Whether it may be loaded elsewhere than at <see cref="PreferredGpa"/>.</summary>
    public bool IsRelocatable { get; }

    /// <summary>The alignment that a relocated kernel needs, in bytes.</summary>
    public uint Alignment { get; }

    /// <summary>Where it would like to be loaded.</summary>
    public ulong PreferredGpa { get; }

    /// <summary>How much memory from its load address on it uses before it reads the memory map.</summary>
    public ulong InitialBytes { get; }

    /// <summary>The longest command line, the terminating zero not counted.</summary>
    public int MaximumCommandLineLength { get; }

    /// <summary>The highest address that an initrd may occupy.</summary>
    public ulong MaximumInitrdGpa { get; }

    /// <summary>The release that the kernel names itself, such as "6.1.0-18-cloud-amd64 (…)"; empty if it does not.</summary>
    public string ReleaseText { get; }

    /// <summary>The part that runs in protected or long mode.</summary>
    internal ReadOnlyMemory<byte> System { get; }

    /// <summary>The setup header, from <see cref="HeaderOffset"/> on.</summary>
    internal ReadOnlyMemory<byte> SetupHeader { get; }

    private string FindReleaseText()
    {
        var bytes = _file.Span;
        var offset = BinaryPrimitives.ReadUInt16LittleEndian(bytes[0x20E..]) + 0x200;
        if (offset == 0x200 || offset >= bytes.Length)
        {
            return "";
        }

        var text = bytes[offset..Math.Min(offset + 256, bytes.Length)];
        var end = text.IndexOf((byte)0);
        return global::System.Text.Encoding.ASCII.GetString(end < 0 ? text : text[..end]);
    }
}
