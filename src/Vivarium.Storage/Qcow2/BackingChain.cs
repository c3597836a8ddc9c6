namespace Vivarium.Storage;

/// <summary>The images above a backing file: so that a chain ends, and never comes back to itself.</summary>
internal sealed class BackingChain
{
    private const int MostImages = 64;

    private readonly string _path;
    private readonly BackingChain? _above;
    private readonly int _depth;

    private BackingChain(string path, BackingChain? above)
    {
        _path = path;
        _above = above;
        _depth = above is null ? 1 : above._depth + 1;
    }

    public static BackingChain Start(string path) => new(BackingPolicy.Resolve(path), null);

    /// <summary>Opens what an image names; null where it names nothing.</summary>
    /// <exception cref="DiskImageException">It may not be used, or cannot be.</exception>
    public async ValueTask<IBlockBackend?> OpenAsync(Qcow2Header header, DiskOptions options, bool isReadOnly = true)
    {
        if (header.BackingFile is not { } name)
        {
            return null;
        }

        var format = header.BackingFormat switch
        {
            "raw" => DiskFormat.Raw,
            "qcow2" => DiskFormat.Qcow2,
            "vhdx" => DiskFormat.Vhdx,
            null => throw new DiskImageException("The image does not say what format its backing file has, and guessing would let that file's guest choose. Set it, as with 'qemu-img rebase -u -F raw'."),
            _ => throw new DiskImageException("The image's backing file has a format that is not known here; raw, qcow2 and vhdx are."),
        };
        return await OpenAsync(name, format, options, isReadOnly).ConfigureAwait(false);
    }

    public async ValueTask<IBlockBackend> OpenAsync(string name, DiskFormat format, DiskOptions options, bool isReadOnly = true)
    {
        var path = options.Backing.Follow(_path, name);
        for (var each = this; each is not null; each = each._above)
        {
            if (each._path == path)
            {
                throw new DiskImageException($"The backing files form a circle: '{path}' is below itself.");
            }
        }

        if (_depth >= MostImages)
        {
            throw new DiskImageException($"More than {MostImages} images lie over each other; commit some of them.");
        }

        var below = new DiskOptions
        {
            IsReadOnly = isReadOnly,
            BlocksCaller = options.BlocksCaller,
            Backing = options.Backing,
            MetadataCacheBytes = options.MetadataCacheBytes,
        };
        try
        {
            return await DiskImage.OpenAsync(path, format, below, new BackingChain(path, this)).ConfigureAwait(false);
        }
        catch (BlockIOException exception)
        {
            throw new DiskImageException($"The backing file cannot be used. {exception.Message}", exception);
        }
    }
}
