using System.Buffers.Binary;

namespace Vivarium.Devices;

/// <content>Save and restore. Commands in flight are saved as the guest wrote them and begun again.</content>
public sealed partial class NvmeController
{
    private const int QueueRecordBytes = 28;
    private const int CommandRecordBytes = sizeof(int) + NvmeCommand.Bytes;

    /// <inheritdoc/>
    public void Reset()
    {
        Disable();
        (_configuration, _adminSizes, _adminSubmissionGpa, _adminCompletionGpa) = (0, 0, 0, 0);
        _errors.AsSpan().Clear();
        _errorCount = 0;
    }

    /// <inheritdoc/>
    public void Start()
    {
        _isRunning = true;
        _jobs.Start();
        foreach (var command in _inFlight.ToArray())
        {
            Execute(command);
        }

        ProcessAll();
    }

    /// <inheritdoc/>
    public void Stop()
    {
        _isRunning = false;
        _jobs.Stop();
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ReadOnlySpan<ulong> values =
        [
            _interruptMask, _configuration, _status, _adminSizes, _adminSubmissionGpa, _adminCompletionGpa, _errorCount, _hasWriteCache ? 1u : 0u,
            _arbitration, _temperatureThreshold, _eventConfiguration,
        ];
        ushort tag = 1;
        foreach (var value in values)
        {
            writer.Write(tag++, value);
        }

        writer.Write(32, _errors);
        writer.Write(33, SaveCompletions());
        writer.Write(34, SaveSubmissions());
        writer.Write(35, SaveCommands(_inFlight));
        writer.Write(36, SaveCommands(_eventRequests));
    }

    /// <inheritdoc/>
    public void Restore(StateReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        Disable();
        _interruptMask = reader.ReadUInt32(1);
        _configuration = reader.ReadUInt32(2) & ConfigurationBits;
        _status = reader.ReadUInt32(3) & 0xF;
        _adminSizes = reader.ReadUInt32(4) & 0x0FFF_0FFF;
        _adminSubmissionGpa = reader.ReadUInt64(5) & ~0xFFFUL;
        _adminCompletionGpa = reader.ReadUInt64(6) & ~0xFFFUL;
        _errorCount = reader.ReadUInt64(7);
        _hasWriteCache = reader.ReadBoolean(8);
        _arbitration = reader.ReadUInt32(9);
        _temperatureThreshold = reader.ReadUInt32(10);
        _eventConfiguration = reader.ReadUInt32(11);
        reader.ReadBytes(32, _errors);
        RestoreCompletions(reader);
        RestoreSubmissions(reader);
        foreach (var command in ReadCommands(reader, 35))
        {
            _inFlight.Add(command);
            command.Queue.Completions.Outstanding++;
        }

        foreach (var command in ReadCommands(reader, 36).Take(MaximumEventRequests))
        {
            _eventRequests.Enqueue(command);
        }
    }

    private byte[] SaveCompletions()
    {
        var queues = _completions.OfType<NvmeCompletionQueue>().ToArray();
        var state = new byte[queues.Length * QueueRecordBytes];
        for (var i = 0; i < queues.Length; i++)
        {
            var queue = queues[i];
            Put(state.AsSpan(i * QueueRecordBytes), queue.Id, queue.Gpa, queue.Size, queue.Head, queue.Tail,
                queue.Vector | (queue.HasInterrupt ? 1 << 16 : 0) | (queue.Phase ? 1 << 17 : 0));
        }

        return state;
    }

    private byte[] SaveSubmissions()
    {
        var queues = _submissions.OfType<NvmeSubmissionQueue>().ToArray();
        var state = new byte[queues.Length * QueueRecordBytes];
        for (var i = 0; i < queues.Length; i++)
        {
            var queue = queues[i];
            Put(state.AsSpan(i * QueueRecordBytes), queue.Id, queue.Gpa, queue.Size, queue.Head, queue.Tail, queue.Completions.Id);
        }

        return state;
    }

    private static byte[] SaveCommands(IReadOnlyCollection<NvmeCommand> commands)
    {
        var state = new byte[commands.Count * CommandRecordBytes];
        var rest = state.AsSpan();
        foreach (var command in commands)
        {
            BinaryPrimitives.WriteInt32LittleEndian(rest, command.Queue.Id);
            command.Raw.CopyTo(rest[sizeof(int)..]);
            rest = rest[CommandRecordBytes..];
        }

        return state;
    }

    private static void Put(Span<byte> record, int id, ulong gpa, int size, int head, int tail, int more)
    {
        BinaryPrimitives.WriteInt32LittleEndian(record, id);
        BinaryPrimitives.WriteUInt64LittleEndian(record[4..], gpa);
        BinaryPrimitives.WriteInt32LittleEndian(record[12..], size);
        BinaryPrimitives.WriteInt32LittleEndian(record[16..], head);
        BinaryPrimitives.WriteInt32LittleEndian(record[20..], tail);
        BinaryPrimitives.WriteInt32LittleEndian(record[24..], more);
    }

    private void RestoreCompletions(StateReader reader)
    {
        foreach (var (id, gpa, size, head, tail, more) in ReadQueues(reader, 33, _completions))
        {
            var vector = more & 0xFFFF;
            if (vector > _options.QueueCount)
            {
                throw reader.Invalid(33);
            }

            _completions[id] = new NvmeCompletionQueue(id, gpa, size, vector, (more & (1 << 16)) != 0) { Head = head, Tail = tail, Phase = (more & (1 << 17)) != 0 };
        }
    }

    private void RestoreSubmissions(StateReader reader)
    {
        foreach (var (id, gpa, size, head, tail, more) in ReadQueues(reader, 34, _submissions))
        {
            if (more < 0 || more >= _completions.Length || _completions[more] is not { } completions)
            {
                throw reader.Invalid(34);
            }

            _submissions[id] = new NvmeSubmissionQueue(id, gpa, size, completions) { Head = head, Tail = tail };
        }
    }

    private static List<(int Id, ulong Gpa, int Size, int Head, int Tail, int More)> ReadQueues(StateReader reader, ushort tag, object?[] queues)
    {
        var state = reader.ReadBytes(tag);
        var records = new List<(int, ulong, int, int, int, int)>();
        if (state.Length % QueueRecordBytes != 0 || state.Length / QueueRecordBytes > queues.Length)
        {
            throw reader.Invalid(tag);
        }

        for (; !state.IsEmpty; state = state[QueueRecordBytes..])
        {
            var id = BinaryPrimitives.ReadInt32LittleEndian(state);
            var size = BinaryPrimitives.ReadInt32LittleEndian(state[12..]);
            var head = BinaryPrimitives.ReadInt32LittleEndian(state[16..]);
            var tail = BinaryPrimitives.ReadInt32LittleEndian(state[20..]);

            // The admin queues may have as many as 4,096 entries.
            if ((uint)id >= (uint)queues.Length || size is < 2 or > 4096 || (uint)head >= (uint)size || (uint)tail >= (uint)size)
            {
                throw reader.Invalid(tag);
            }

            records.Add((id, BinaryPrimitives.ReadUInt64LittleEndian(state[4..]), size, head, tail, BinaryPrimitives.ReadInt32LittleEndian(state[24..])));
        }

        return records;
    }

    private List<NvmeCommand> ReadCommands(StateReader reader, ushort tag)
    {
        var state = reader.ReadBytes(tag);
        var commands = new List<NvmeCommand>();
        for (; !state.IsEmpty; state = state[CommandRecordBytes..])
        {
            if (state.Length < CommandRecordBytes
                || BinaryPrimitives.ReadInt32LittleEndian(state) is var id && ((uint)id >= (uint)_submissions.Length || _submissions[id] is null))
            {
                throw reader.Invalid(tag);
            }

            var command = new NvmeCommand { Queue = _submissions[id]! };
            state.Slice(sizeof(int), NvmeCommand.Bytes).CopyTo(command.Raw);
            commands.Add(command);
        }

        return commands;
    }
}
