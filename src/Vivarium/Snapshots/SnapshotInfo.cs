using System.Buffers.Binary;

namespace Vivarium;

/// <summary>What a snapshot holds.</summary>
/// <param name="Configuration">The machine that was saved.</param>
/// <param name="Units">Its state units with the versions they were saved by.</param>
/// <param name="MemoryBytes">Guest memory that is not zero.</param>
public sealed record SnapshotInfo(MachineConfiguration Configuration, IReadOnlyDictionary<string, int> Units, long MemoryBytes)
{
    /// <summary>Reads and verifies a whole snapshot.</summary>
    /// <exception cref="StateFormatException">It is no snapshot, of a newer version, cut off or altered.</exception>
    public static async Task<SnapshotInfo> ReadAsync(Stream stream, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        await using var reader = await SnapshotReader.OpenAsync(stream, cancellationToken).ConfigureAwait(false);
        var configuration = await reader.ReadConfigurationAsync(cancellationToken).ConfigureAwait(false);
        var units = new Dictionary<string, int>();
        var memoryBytes = 0L;
        await foreach (var section in reader.ReadSectionsAsync(cancellationToken).ConfigureAwait(false))
        {
            if (section.Kind == SnapshotFormat.UnitSection)
            {
                var (name, version, _) = SnapshotReader.ReadUnit(section.Content);
                units[name] = version;
            }
            else if (section.Kind == SnapshotFormat.MemorySection && section.Content.Length >= 12)
            {
                memoryBytes += BinaryPrimitives.ReadInt32LittleEndian(section.Content.Span[8..]);
            }
        }

        return new SnapshotInfo(configuration, units, memoryBytes);
    }
}
