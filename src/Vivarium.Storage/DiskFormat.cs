namespace Vivarium.Storage;

/// <summary>Formats of disk images.</summary>
public enum DiskFormat
{
    /// <summary>Not said.</summary>
    Unknown,

    /// <summary>The disk's bytes as they are; ISO images too.</summary>
    Raw,

    /// <summary>QEMU's format, versions 2 and 3.</summary>
    Qcow2,

    /// <summary>Hyper-V's format; read only.</summary>
    Vhdx,
}
