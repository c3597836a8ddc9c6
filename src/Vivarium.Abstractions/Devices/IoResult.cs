namespace Vivarium;

/// <summary>What became of one device access. The bus logs anything but <see cref="Ok"/> once, and answers reads with all ones.</summary>
public enum IoResult
{
    /// <summary>The access was carried out.</summary>
    Ok,

    /// <summary>The device has no register at this offset.</summary>
    NoRegister,

    /// <summary>The register exists but not at this width or alignment.</summary>
    BadSize,

    /// <summary>The register cannot be written.</summary>
    ReadOnly,
}
