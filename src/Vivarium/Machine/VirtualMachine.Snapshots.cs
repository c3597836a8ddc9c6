using Vivarium.Memory;

namespace Vivarium;

/// <content>Saving and restoring.</content>
public sealed partial class VirtualMachine
{
    /// <summary>
    /// Writes the whole machine: configuration, state units, what its disks keep in memory (<see cref="ISnapshotBackend"/>) and all memory that is
    /// not zero, compressed. A running machine stands still meanwhile and then goes on. A disk that is written in its image file is only recognised
    /// when the snapshot is restored: put an overlay over it if the machine goes on.
    /// </summary>
    /// <exception cref="InvalidOperationException">It has ended.</exception>
    public async Task SaveAsync(Stream stream, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var turn = await TakeTurnAsync(cancellationToken).ConfigureAwait(false);
        await WhileHaltedAsync("saved", async () =>
        {
            using var writer = new SnapshotWriter(stream);
            await writer.WriteHeaderAsync(Configuration, cancellationToken).ConfigureAwait(false);
            foreach (var (name, version, fields) in SaveUnits())
            {
                await writer.WriteUnitAsync(name, version, fields, cancellationToken).ConfigureAwait(false);
            }

            await _parts.Disks.SaveAsync(writer, cancellationToken).ConfigureAwait(false);
            var buffer = new byte[SnapshotFormat.ChunkBytes];
            foreach (var (gpa, length) in NonZeroMemory(buffer))
            {
                await writer.WriteMemoryAsync(gpa, buffer.AsMemory(0, length), cancellationToken).ConfigureAwait(false);
            }

            await writer.FinishAsync(cancellationToken).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    /// <summary>
    /// Replaces the machine's state by a saved one, from a machine of equal configuration; the rest of the stream must be the snapshot.
    /// A machine that was created, running or paused stays so. If the snapshot is refused, nothing of the machine has changed.
    /// </summary>
    /// <exception cref="StateFormatException">The snapshot is cut off, altered, of a newer version, of a different machine or of other disk images.</exception>
    /// <exception cref="InvalidOperationException">The machine has ended.</exception>
    public async Task RestoreAsync(Stream stream, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var turn = await TakeTurnAsync(cancellationToken).ConfigureAwait(false);
        await using var reader = await SnapshotReader.OpenAsync(stream, cancellationToken).ConfigureAwait(false);
        RequireSameMachine(await reader.ReadConfigurationAsync(cancellationToken).ConfigureAwait(false));
        await WhileHaltedAsync("restored", async () =>
        {
            var previousUnits = SaveUnits();
            using var previousMemory = Memory.Seal();
            try
            {
                Memory.Clear();
                var disks = _parts.Disks.BeginRestore();
                var units = await RestoreMemoryAsync(reader, disks, cancellationToken).ConfigureAwait(false);
                disks.Check();
                RestoreUnits(units);
                disks.Commit();
            }
            catch
            {
                Memory.ResetTo(previousMemory);
                RestoreUnits(previousUnits.ToDictionary(unit => unit.Name, unit => (unit.Version, unit.Fields)));
                throw;
            }
        }).ConfigureAwait(false);
    }

    private async Task WhileHaltedAsync(string verb, Func<Task> action)
    {
        if (_state == MachineState.Stopped)
        {
            Require(MachineState.Running, verb);
        }

        var wasRunning = _state == MachineState.Running;
        if (wasRunning)
        {
            await HaltAsync().ConfigureAwait(false);
        }

        try
        {
            await action().ConfigureAwait(false);
        }
        finally
        {
            if (wasRunning)
            {
                Run();
            }
        }
    }

    private void RequireSameMachine(MachineConfiguration saved)
    {
        if (saved with { Name = Configuration.Name } != Configuration)
        {
            throw new StateFormatException(
                $"The snapshot is of another machine ({Describe(saved)}); this one has {Describe(Configuration)}. Build one of the same configuration.");
        }
    }

    private static string Describe(MachineConfiguration configuration) =>
        $"preset {configuration.Preset}, {configuration.MemoryBytes >> 20} MiB, {configuration.CpuCount} CPUs, model {configuration.CpuModel}";

    /// <summary>State of all but the processors.</summary>
    internal List<(string Name, int Version, ReadOnlyMemory<byte> Fields)> SaveDevices() => Save(_parts.Units.Where(unit => unit is not IMachineCpu));

    private List<(string Name, int Version, ReadOnlyMemory<byte> Fields)> SaveUnits() => Save(_parts.Units);

    private List<(string Name, int Version, ReadOnlyMemory<byte> Fields)> Save(IEnumerable<IStateUnit> units)
    {
        lock (_parts.DeviceLock)
        {
            var saved = new List<(string, int, ReadOnlyMemory<byte>)>();
            foreach (var unit in units)
            {
                var writer = new StateWriter();
                unit.Save(writer);
                saved.Add((unit.StateName, unit.StateVersion, writer.WrittenMemory));
            }

            return saved;
        }
    }

    private void RestoreUnits(Dictionary<string, (int Version, ReadOnlyMemory<byte> Fields)> saved)
    {
        lock (_parts.DeviceLock)
        {
            foreach (var unit in _parts.Units)
            {
                if (!saved.Remove(unit.StateName, out var state))
                {
                    throw new StateFormatException($"The snapshot lacks the state of '{unit.StateName}', which this machine has.");
                }

                if (state.Version > unit.StateVersion)
                {
                    throw new StateFormatException(
                        $"The snapshot's '{unit.StateName}' has version {state.Version}, made by a newer Vivarium; this one reads up to {unit.StateVersion}.");
                }

                unit.Restore(new StateReader(unit.StateName, state.Version, state.Fields));
            }

            if (saved.Count > 0)
            {
                throw new StateFormatException($"The snapshot holds the state of '{saved.Keys.First()}', which this machine does not have.");
            }

            _parts.Resynchronise();
        }
    }

    /// <summary>Fills zeroed memory and the disks' replacements, and returns the units' states.</summary>
    private async Task<Dictionary<string, (int Version, ReadOnlyMemory<byte> Fields)>> RestoreMemoryAsync(
        SnapshotReader reader, SnapshotDisks.Restoring disks, CancellationToken cancellationToken)
    {
        var units = new Dictionary<string, (int, ReadOnlyMemory<byte>)>();
        var buffer = new byte[SnapshotFormat.ChunkBytes];
        var isFirst = true;
        await foreach (var section in reader.ReadSectionsAsync(cancellationToken).ConfigureAwait(false))
        {
            switch (section.Kind)
            {
                case SnapshotFormat.ConfigurationSection when isFirst:
                    isFirst = false;
                    break;
                case SnapshotFormat.UnitSection:
                    var (name, version, fields) = SnapshotReader.ReadUnit(section.Content);
                    if (!units.TryAdd(name, (version, fields)))
                    {
                        throw new StateFormatException($"The snapshot holds the state of '{name}' twice.");
                    }

                    break;
                case SnapshotFormat.MemorySection:
                    var (gpa, length) = reader.ReadMemory(section.Content, buffer);
                    if (!Memory.TryWriteRam(gpa, buffer.AsSpan(0, length)))
                    {
                        throw new StateFormatException($"The snapshot holds memory at 0x{gpa:X}, where this machine has none.");
                    }

                    break;
                case SnapshotFormat.DiskSection:
                    var (diskName, sizeBytes, stamp) = SnapshotReader.ReadDisk(section.Content);
                    disks.Begin(diskName, sizeBytes, stamp);
                    break;
                case SnapshotFormat.DiskContentSection:
                    var (offset, contentBytes) = reader.ReadMemory(section.Content, buffer);
                    disks.Write((long)offset, buffer.AsSpan(0, contentBytes));
                    break;
                case SnapshotFormat.DiskZeroSection:
                    var (zeroOffset, zeroBytes) = SnapshotReader.ReadZeroes(section.Content);
                    disks.WriteZeroes(zeroOffset, zeroBytes);
                    break;
                default:
                    throw new StateFormatException($"The snapshot holds a section of kind {section.Kind} where none belongs.");
            }
        }

        return units;
    }

    /// <summary>Copies runs of pages that are not zero into <paramref name="buffer"/>, one after the other.</summary>
    private IEnumerable<(ulong Gpa, int Length)> NonZeroMemory(byte[] buffer)
    {
        foreach (var range in Memory.EnumeratePopulated(SnapshotFormat.ChunkBytes))
        {
            var end = range.Gpa + range.SizeBytes;
            var gpa = range.Gpa;
            while (gpa < end)
            {
                var length = 0;
                while (gpa + (ulong)length < end && ReadIfNonZero(gpa + (ulong)length, buffer.AsSpan(length, GuestMemory.PageSize)))
                {
                    length += GuestMemory.PageSize;
                }

                if (length > 0)
                {
                    yield return (gpa, length);
                }

                // The page that ended the run is zero, or the range is over.
                gpa += (ulong)length + GuestMemory.PageSize;
            }
        }
    }

    private bool ReadIfNonZero(ulong gpa, Span<byte> page) => Memory.TryReadRam(gpa, page) && page.ContainsAnyExcept((byte)0);
}
