namespace Vivarium.Storage;

/// <summary>Incompatible feature bits of an image: who does not know one must not open it (QEMU docs/interop/qcow2.rst, bytes 72 to 79).</summary>
[Flags]
internal enum Qcow2Features : ulong
{
    /// <summary>Refcounts may be wrong: whoever wrote last did not close the image.</summary>
    Dirty = 1,

    /// <summary>Some table is wrong: only reading is allowed.</summary>
    Corrupt = 2,

    ExternalData = 4,

    CompressionType = 8,

    ExtendedL2 = 16,
}
