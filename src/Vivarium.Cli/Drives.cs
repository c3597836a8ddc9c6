namespace Vivarium.Cli;

/// <summary>The disks of a run: open as long as the machine exists.</summary>
internal sealed class Drives : IAsyncDisposable
{
    private readonly List<IBlockBackend> _disks = [];

    public IReadOnlyList<IBlockBackend> Disks => _disks;

    /// <exception cref="UsageException">One of them cannot be used.</exception>
    public static async Task<Drives> OpenAsync(IReadOnlyList<DriveOptions> options)
    {
        var drives = new Drives();
        try
        {
            foreach (var each in options)
            {
                drives._disks.Add(await each.OpenAsync().ConfigureAwait(false));
            }

            return drives;
        }
        catch
        {
            await drives.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var disk in _disks)
        {
            await disk.DisposeAsync().ConfigureAwait(false);
        }
    }
}
