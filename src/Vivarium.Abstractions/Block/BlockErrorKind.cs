namespace Vivarium;

/// <summary>Why a request to an <see cref="IBlockBackend"/> failed.</summary>
public enum BlockErrorKind
{
    /// <summary>The host failed, or the image is damaged at that place.</summary>
    Failed,

    /// <summary>There is no room on the host.</summary>
    Full,

    /// <summary>The disk cannot be changed.</summary>
    ReadOnly,

    /// <summary>The range leaves the disk.</summary>
    OutOfRange,

    /// <summary>The back end has no such operation.</summary>
    NotSupported,
}
