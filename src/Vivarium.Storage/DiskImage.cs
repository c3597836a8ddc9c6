using System.Buffers.Binary;

namespace Vivarium.Storage;

/// <summary>Images as files: opened by format, described, checked, copied, committed.</summary>
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

    /// <summary>
    /// What a file's first bytes say it is; raw where they say nothing. Do not open a disk by it that a guest has written: the guest of a raw
    /// disk can make it begin like a qcow2 image that names any file as its backing file.
    /// </summary>
    /// <exception cref="BlockIOException">The file cannot be read.</exception>
    public static async ValueTask<DiskFormat> DetectFormatAsync(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var file = HostFile.Open(path, FileMode.Open, isReadOnly: true, blocksCaller: false);
        await using (file.ConfigureAwait(false))
        {
            var start = new byte[8];
            await file.ReadAsync(0, start, CancellationToken.None).ConfigureAwait(false);
            return start.AsSpan().SequenceEqual("vhdxfile"u8) ? DiskFormat.Vhdx
                : BinaryPrimitives.ReadUInt32BigEndian(start) == Qcow2Header.Magic ? DiskFormat.Qcow2
                : DiskFormat.Raw;
        }
    }

    /// <summary>Compares the tables of a qcow2 image with each other, and repairs what it is told to. Backing files are not opened.</summary>
    /// <exception cref="DiskImageException">The image cannot be read at all.</exception>
    /// <exception cref="BlockIOException">The file is not there, is in use, or the host failed.</exception>
    public static async ValueTask<Qcow2CheckResult> CheckAsync(string path, Qcow2Repair repair = Qcow2Repair.None, IProgress<double>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var file = HostFile.Open(path, FileMode.Open, isReadOnly: repair == Qcow2Repair.None, blocksCaller: false);
        await using (file.ConfigureAwait(false))
        {
            return await Qcow2Check.RunAsync(file, repair, progress, cancellationToken).ConfigureAwait(false);
        }
    }

    internal static async ValueTask<IBlockBackend> OpenAsync(string path, DiskFormat format, DiskOptions options, BackingChain chain) => format switch
    {
        DiskFormat.Raw => RawDisk.Open(path, options),
        DiskFormat.Qcow2 => await Qcow2Disk.OpenAsync(path, options, chain).ConfigureAwait(false),
        DiskFormat.Vhdx => await VhdxDisk.OpenAsync(path, options).ConfigureAwait(false),
        _ => throw new ArgumentException("Say which format the image has: raw, qcow2 or vhdx.", nameof(format)),
    };
}
