namespace Vivarium.Storage;

/// <summary>Opens images by format.</summary>
public static partial class DiskImage
{
    /// <summary>Opens an image of a known format. The format is never guessed: a guest writes what its raw disk begins with.</summary>
    /// <exception cref="ArgumentException">The format is not given.</exception>
    /// <exception cref="DiskImageException">The image cannot be used.</exception>
    /// <exception cref="BlockIOException">The file is not there, may not be opened, or is in use.</exception>
    public static ValueTask<IBlockBackend> OpenAsync(string path, DiskFormat format, DiskOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return OpenAsync(path, format, options ?? new DiskOptions(), BackingChain.Start(path));
    }

    internal static async ValueTask<IBlockBackend> OpenAsync(string path, DiskFormat format, DiskOptions options, BackingChain chain) => format switch
    {
        DiskFormat.Raw => RawDisk.Open(path, options),
        DiskFormat.Qcow2 => await Qcow2Disk.OpenAsync(path, options, chain).ConfigureAwait(false),
        _ => throw new ArgumentException("Say which format the image has: raw, qcow2 or vhdx.", nameof(format)),
    };
}
